#!/bin/bash
# next_key: the key of the next renewal is there before it, and its TLSA record is told.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate] [NAMES]
	config <<-C
	certificates = ( { name = "www"; names = [ ${2-\"localhost\", \"www.example.org\"} ]; issuer = "local"; ${1-next_key = true;} } );
	C
}

# What openssl says the record of a key is: of what is on stdin, a public key in PEM.
record() {
	echo "3 1 1 $(openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1)"
}

record_of_cert() { # GENERATION
	openssl x509 -in "state/archive/www/000000000$1/cert.pem" -noout -pubkey | record
}

record_that_waits() {
	openssl pkey -in state/archive/www/.pending -pubout | record
}

# The key that waits is the one that is announced, and not the live one's.
has_next() { # LIVE
	local next
	next=$(record_that_waits)
	is "$next" "$(cat state/archive/www/next.tlsa)"
	is "$next" "$(status_of www tlsa.next)"
	is "$(record_of_cert "$1")" "$(status_of www tlsa.live)"
	not test "$next" = "$(record_of_cert "$1")"
}

test_a_renewal_takes_the_key_that_was_announced_after_the_one_before() {
	local first second
	www
	expect 0 everleaf renew
	is_live_of www 1 1
	has_next 1
	first=$(record_that_waits)
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is "$first" "$(record_of_cert 2)"
	has_next 2
	second=$(record_that_waits)
	not test "$first" = "$second"
	expect 0 everleaf renew --force www
	is "$second" "$(record_of_cert 3)"
}

test_both_records_are_printed_as_a_zone_has_them() {
	www
	expect 0 everleaf renew
	expect 0 everleaf status www
	says out "_443._tcp.www.example.org. IN TLSA $(record_of_cert 1) ; live"
	says out "_443._tcp.www.example.org. IN TLSA $(record_that_waits) ; next"
	says out "_443._tcp.localhost. IN TLSA $(record_that_waits) ; next"
	is "[\"_443._tcp.localhost.\",\"_443._tcp.www.example.org.\"]" \
		"$(status_of www tlsa.at | tr -d ' \n')"
	expect 0 everleaf status
	has_no TLSA <out
}

test_ports_are_those_of_the_probes_and_no_wildcard_has_a_record() {
	www 'next_key = true; probe = ( "smtp://mx.example.org:25", "mx.example.org:465", "127.0.0.1:465" );' \
		'"mx.example.org", "*.example.org", "192.0.2.1"'
	is '["_25._tcp.mx.example.org.","_465._tcp.mx.example.org."]' \
		"$( (everleaf status --json www || :) | json certificates.0.tlsa.at | tr -d ' \n')"
}

test_the_key_is_for_nobody_and_its_record_for_everybody() {
	local owner=$(id -u)
	! is_root || owner=61002
	www
	(umask 0 && expect 0 everleaf renew)
	is "600 $owner" "$(stat -c '%a %u' state/archive/www/.pending)"
	is "644 $owner" "$(stat -c '%a %u' state/archive/www/next.tlsa)"
}

test_an_agent_makes_it_once_and_keeps_it() {
	local next
	www
	expect 0 everleaf renew
	next=$(record_that_waits)
	start_agent
	until_true 60 agent_runs
	stop_agent
	is "$next" "$(record_that_waits)"
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is "$next" "$(record_that_waits)"
	is_live_of www 1 1
}

test_it_is_made_for_what_is_live_already() {
	www 'next_key = false;'
	expect 0 everleaf renew
	[ ! -e state/archive/www/next.tlsa ]
	is null "$(status_of www tlsa)"
	www
	expect 0 everleaf status www
	says out "; www: the key of its next renewal is not made yet"
	is "$(record_of_cert 1)" "$(status_of www tlsa.live)"
	expect 0 everleaf renew
	is_live_of www 1 1
	has_next 1
}

test_a_key_that_takes_long_is_made_without_holding_anything_up() {
	www 'next_key = true; key = "rsa-3072";'
	expect 0 everleaf renew
	is_live_of www 1 1
	has_next 1
	openssl pkey -in state/archive/www/.pending -noout -text | has '3072 bit'
}

test_who_is_told_to_stop_does_not_wait_for_it() {
	www 'key = "rsa-4096";'
	expect 0 everleaf renew
	www 'next_key = true; key = "rsa-4096";'
	start_agent
	until_true 60 agent_runs
	stop_agent
	has_no 'level=\(warn\|error\)' <agent.err
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is_live_of www 1 1
	has_next 1
}

test_one_that_cannot_be_made_is_said_and_changes_nothing_else() {
	www 'next_key = false;'
	expect 0 everleaf renew
	mkdir state/archive/www/.pending
	www
	expect 0 everleaf renew
	says err "www: the key of the next renewal cannot be made yet: "
	is null "$(status_of www tlsa.next)"
	rmdir state/archive/www/.pending
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is_live_of www 1 1
	has_next 1
}

test_another_key_type_throws_it_away_and_says_so() {
	local next
	www
	expect 0 everleaf renew
	next=$(record_that_waits)
	www 'next_key = true; key = "ecdsa-p384";'
	expect 0 everleaf renew
	is_live_of www 2 2
	says err "the new certificate is not for the key that was announced, $next, but for $(record_of_cert 2)"
	has_next 2
	openssl pkey -in state/archive/www/.pending -noout -text | has secp384r1
}

test_a_key_that_somebody_removed_is_made_anew_and_announced() {
	local next
	www
	expect 0 everleaf renew
	next=$(record_that_waits)
	rm state/archive/www/.pending
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is_live_of www 1 1
	has_next 1
	not test "$next" = "$(record_that_waits)"
}

test_a_rollback_leaves_it_waiting() {
	local next
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	next=$(record_that_waits)
	expect 0 everleaf rollback www
	has_next 1
	is "$next" "$(record_that_waits)"
	expect 0 everleaf renew --force www
	is "$next" "$(record_of_cert 3)"
}

# Generation 2 was refused, and is held; $dir/refuse is in the way.
rolled_back() {
	hook reload <<-'H'
	[ "$1" = run ] || [ ! -e "$dir/refuse" ] || [ "$(readlink "$dir/state/live/www")" = ../archive/www/0000000001 ]
	H
	config <<-C
	hooks = ( $(hook_config reload) );
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "reload"; next_key = true; } );
	C
	expect 0 everleaf renew
	: >refuse
	expect 1 everleaf renew --force www
}

# Its key is the next, until it is live.
test_what_is_held_after_a_rollback_is_what_was_announced() {
	local held
	rolled_back
	held=$(tr -d '\n' <state/archive/www/next.tlsa)
	is 1 "$(live www)"
	is "$held" "$(record_of_cert 2)"
	is "$held" "$( (everleaf status --json www || :) | json certificates.0.tlsa.next)"
	[ ! -e state/archive/www/.pending ]
	rm refuse
	expect 0 everleaf renew www
	is_live_of www 2 2
	has_next 2
}

# Whoever has published its record waits for this very key.
test_the_key_of_what_is_held_is_used_by_another_order() {
	local held
	rolled_back
	held=$(tr -d '\n' <state/archive/www/next.tlsa)
	rm refuse
	expect 0 everleaf renew --force www
	is 3 "$(live www)"
	is "$held" "$(record_of_cert 3)"
	has_no announced <err
	has_next 3
}

test_without_it_the_key_that_waits_is_used_and_no_other_is_made() {
	local next
	www
	expect 0 everleaf renew
	next=$(record_that_waits)
	www 'next_key = false;'
	expect 0 everleaf renew --force www
	is "$next" "$(record_of_cert 2)"
	is 0000000001,0000000002, "$(ls -A state/archive/www | tr '\n' ,)"
}

test_what_is_forgotten_leaves_neither() {
	www
	expect 0 everleaf renew
	config <<<''
	expect 0 everleaf forget www
	is "" "$(ls -A state/archive)"
}

# It has not been in use yet.
test_a_revocation_takes_it_too() {
	local next
	www
	expect 0 everleaf renew
	next=$(record_that_waits)
	expect 0 everleaf revoke www --reason keyCompromise --replace
	is_live_of www 2 2
	is "$next" "$(record_of_cert 2)"
	has_next 2
}

test_with_reuse_key_it_is_an_error_by_file_and_line() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local";
		reuse_key = true;
		next_key = true; } );
	C
	expect 2 everleaf check
	says err "everleaf.conf:$(grep -n 'next_key' everleaf.conf | cut -d : -f 1): certificates.www.next_key: found reuse_key and next_key, expected only one of them"
}

run_tests "$@"
