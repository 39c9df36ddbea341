#!/bin/bash
# issue: which runs order a certificate, which do not, and what is then on disk.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate] [NAMES]
	config <<-C
	certificates = ( { name = "www"; names = [ ${2-\"localhost\", \"www.example.org\"} ]; issuer = "local"; ${1-} } );
	C
}

names_of() { # FILE
	openssl x509 -in "$1" -noout -ext subjectAltName | grep -o 'DNS:[^, ]*' | sort | tr '\n' ' '
}

# Names, sizes, owners, modes, times of all there is, but for the lock and what SQLite
# does with its files.
tree() {
	find state -not -name lock -not -path 'state/agent*' -printf '%p %y %s %U %G %m %T@ %l\n' | sort
	everleaf history
}

test_the_first_run_issues_and_makes_a_whole_set_live() {
	www
	expect 0 everleaf renew
	is_live_of www 1 1
	is "cert.pem chain.pem fullchain.pem meta.json privkey.pem" \
		"$(cd state/live/www/ && ls cert.pem chain.pem fullchain.pem meta.json privkey.pem | xargs)"
	is "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" \
		"$(openssl pkey -in state/live/www/privkey.pem -pubout)"
	is "DNS:localhost DNS:www.example.org " "$(names_of state/live/www/cert.pem)"
	openssl verify -x509_strict -purpose sslserver -CAfile state/ca/local/root.pem state/live/www/cert.pem
	is 600 "$(stat -c %a state/live/www/privkey.pem)"
	is "$(id -u)" "$(stat -c %u state/live/www/privkey.pem)"
	is "$(cat state/live/www/cert.pem state/live/www/chain.pem)" "$(cat state/live/www/fullchain.pem)"
	json serial <state/live/www/meta.json
}

test_the_umask_of_the_caller_changes_nothing() {
	www
	(umask 077 && expect 0 everleaf renew)
	is_live_of www 1 1
	is "755 644 600" "$(stat -c %a state state/live/www/cert.pem state/live/www/privkey.pem | xargs)"
}

test_a_run_with_nothing_due_is_silent_and_changes_nothing() {
	www
	expect 0 everleaf renew
	tree >before
	expect 0 everleaf renew
	is "" "$(cat out err)"
	tree | diff before -
	is_live_of www 1 1
}

# The keeper has told what its key and files look like: nothing is left to remember.
test_what_was_just_installed_is_not_looked_at_again() {
	www "files = ( { path = \"$dir/www.pem\"; content = \"combined\"; } );"
	expect 0 everleaf renew
	cp state/agent/state.db before
	expect 0 everleaf renew
	cmp before state/agent/state.db
	expect 0 everleaf renew --force www
	cp state/agent/state.db before
	expect 0 everleaf renew
	cmp before state/agent/state.db
}

test_force_renews_what_is_not_due() {
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	expect 0 everleaf renew --force --all
	is_live_of www 3 3
}

test_force_without_names_is_an_error_of_usage() {
	www
	expect 2 everleaf renew --force
	[ ! -e state ]
}

test_a_renewal_has_another_key_and_another_serial() {
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	not cmp -s state/archive/www/000000000{1,2}/privkey.pem
	not cmp -s state/archive/www/000000000{1,2}/cert.pem
}

test_reuse_key_keeps_the_key() {
	www 'reuse_key = true;'
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	cmp state/archive/www/000000000{1,2}/privkey.pem
	not cmp -s state/archive/www/000000000{1,2}/cert.pem
}

test_names_that_changed_bring_a_new_certificate() {
	www '' '"localhost"'
	expect 0 everleaf renew
	www '' '"localhost", "new.example.org"'
	expect 0 everleaf plan
	says out names-differ
	expect 0 everleaf renew
	is_live_of www 2 2
	is "DNS:localhost DNS:new.example.org " "$(names_of state/live/www/cert.pem)"
	expect 0 everleaf renew
	is_live_of www 2 2
}

test_names_in_another_order_or_case_are_the_same_names() {
	www '' '"localhost", "www.example.org"'
	expect 0 everleaf renew
	www '' '"WWW.Example.org", "localhost"'
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_another_key_type_brings_a_new_certificate() {
	www
	expect 0 everleaf renew
	www 'key = "rsa-2048";'
	expect 0 everleaf plan
	says out key-differs
	expect 0 everleaf renew
	is_live_of www 2 2
	openssl pkey -in state/live/www/privkey.pem -noout -text | has '2048 bit'
}

test_each_key_type_can_be_had() {
	local key
	for key in ecdsa-p256 ecdsa-p384 rsa-2048 rsa-3072 ed25519; do
		www "key = \"$key\";"
		expect 0 everleaf renew
	done
	is_live_of www 5 5
	openssl pkey -in state/live/www/privkey.pem -noout -text | has ED25519
}

test_another_issuer_brings_a_new_certificate() {
	www
	expect 0 everleaf renew
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA"; } );
	certificates = ( { name = "www"; names = [ "localhost", "www.example.org" ]; issuer = "lab"; } );
	C
	expect 0 everleaf plan
	says out issuer-differs
	expect 0 everleaf renew
	is_live_of www 2 2
	openssl x509 -in state/live/www/cert.pem -noout -issuer | has 'Lab CA'
}

test_a_usage_that_is_missing_brings_a_new_certificate() {
	www
	expect 0 everleaf renew
	www 'usage = [ "server", "client" ];'
	expect 0 everleaf renew
	is_live_of www 2 2
	openssl verify -purpose sslclient -CAfile state/ca/local/root.pem state/live/www/cert.pem
}

test_a_certificate_is_renewed_when_its_moment_has_come() {
	www
	expect 0 everleaf renew
	age 4 10
	expect 0 everleaf renew
	is_live_of www 1 1
	age 6 10
	expect 0 everleaf renew
	is_live_of www 2 2
	expect 0 everleaf history
	says out "expiring by local"
}

test_only_those_that_are_named_are_renewed() {
	config <<-C
	certificates = ( { names = "a.example.org"; issuer = "local"; },
		{ names = "b.example.org"; issuer = "local"; } );
	C
	expect 0 everleaf renew a.example.org
	[ -e state/live/a.example.org ]
	[ ! -e state/live/b.example.org ]
	expect 0 everleaf renew
	is_live_of a.example.org 1 1
	is_live_of b.example.org 1 1
}

test_an_unknown_name_ends_with_4() {
	www
	expect 4 everleaf renew nobody
	says err nobody
	expect 4 everleaf status nobody
	expect 4 everleaf rollback nobody
	expect 4 everleaf renew www nobody
	[ ! -e state/live/www ]
}

test_a_mistake_in_the_configuration_ends_with_2_and_touches_nothing() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hook = "nginx"; },
		{ name = "other"; names = "localhost"; issuer = "locla"; } );
	C
	local first
	first=$(grep -n certificates everleaf.conf | cut -d : -f 1)
	expect 2 everleaf renew
	[ ! -e state ]
	says err "everleaf.conf:$first"
	says err www.hook
	says err "everleaf.conf:$((first + 1))"
	says err locla
	expect 2 everleaf check
	expect 2 everleaf status
	expect 2 everleaf plan
	expect 2 everleaf frobnicate
	expect 2 everleaf renew --frobnicate
}

test_a_configuration_that_others_can_write_is_refused() {
	www
	chmod 0666 everleaf.conf
	expect 2 everleaf renew
	says err "others can write"
	[ ! -e state ]
}

test_a_held_lock_ends_with_3() {
	www
	expect 0 everleaf renew
	exec 9<state/lock
	flock 9
	expect 3 everleaf renew --force www
	says err "another run holds the lock"
	is_live_of www 1 1
	expect 0 everleaf status
	expect 0 everleaf plan
	exec 9<&-
	expect 0 everleaf renew --force www
	is_live_of www 2 2
}

test_a_dry_run_changes_nothing() {
	www
	expect 0 everleaf renew --dry-run
	says out issue
	says out missing
	[ ! -e state ]
	expect 0 everleaf renew
	tree >before
	expect 0 everleaf renew --dry-run --force www
	says out asked
	tree | diff before -
}

# CAs that are not there: nobody listens on port 1.
issuers='issuers = ( { name = "gone"; type = "acme"; url = "https://127.0.0.1:1/dir"; agree_terms = true; } );'
answer='challenge = { type = "http-01"; listen = "127.0.0.1:8080"; };'

test_one_that_fails_does_not_stop_the_others() {
	config <<-C
	$issuers
	certificates = ( { name = "bad"; names = "bad.example.org"; issuer = "gone"; $answer },
		{ name = "good"; names = "localhost"; issuer = "local"; } );
	C
	expect 1 everleaf renew
	says err "bad: failed: ordering: gone"
	is_live_of good 1 1
	[ ! -e state/live/bad ]
}

test_a_CA_that_is_gone_three_times_gives_way_to_the_next() {
	config <<-C
	$issuers
	certificates = ( { name = "www"; names = "localhost"; issuer = [ "gone", "local" ]; allow_private = true; $answer } );
	C
	expect 1 everleaf renew
	expect 1 everleaf renew www
	[ ! -e state/live/www ]
	expect 0 everleaf renew www
	says err "local is asked next"
	is_live_of www 1 1
	is local "$(status_of www issuer)"
	is 3 "$(events www failed)"
	expect 1 everleaf renew --force www # the first one again, after a success
	says err "ordering: gone"
}

test_what_failed_is_tried_again_once_the_configuration_is_another() {
	config <<-C
	issuers = ( { name = "lab"; type = "local"; excluded = [ "localhost" ]; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; } );
	C
	expect 1 everleaf renew
	config <<-C
	issuers = ( { name = "lab"; type = "local"; excluded = [ "localhost" ]; } );
	certificates = ( { name = "www"; names = "example.org"; issuer = "lab"; } );
	C
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_what_failed_waits_and_is_tried_now_when_it_is_named() {
	config <<-C
	issuers = ( { name = "lab"; type = "local"; excluded = [ "localhost" ]; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; } );
	C
	expect 1 everleaf renew
	is 1 "$(events www failed)"
	expect 1 everleaf renew
	is 1 "$(events www failed)"
	expect 1 everleaf renew www
	is 2 "$(events www failed)"
}

test_keep_says_how_many_generations_stay() {
	local i
	www 'keep = 2;'
	expect 0 everleaf renew
	for i in 1 2 3; do
		expect 0 everleaf renew --force www
	done
	is_live_of www 4 4
	is "0000000003 0000000004" "$(ls state/archive/www | xargs)"
}

test_what_is_no_longer_configured_is_kept_until_it_is_forgotten() {
	www
	expect 0 everleaf renew
	config <<-C
	certificates = ( { name = "other"; names = "localhost"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	[ -e state/live/www/cert.pem ]
	expect 0 everleaf status
	says out unmanaged
	expect 2 everleaf forget other
	expect 4 everleaf forget nobody
	expect 0 everleaf forget www
	[ ! -e state/live/www ]
	[ ! -e state/archive/www ]
	expect 0 everleaf status
	not grep -q www out
	is_live_of other 1 1
}

# In the order of a fresh machine: no state, no place for it.
test_the_state_folder_is_made_with_its_parents() {
	{
		echo "state_dir = \"$dir/a/b/state\"; runtime_dir = \"$dir/run\";"
		! is_root || echo 'users = { agent = "61001"; keeper = "61002"; network = "61003"; };'
		echo 'certificates = ( { names = "localhost"; issuer = "local"; } );'
	} >everleaf.conf
	expect 0 everleaf renew
	openssl verify -CAfile a/b/state/ca/local/root.pem a/b/state/live/localhost/cert.pem
}

run_tests "$@"
