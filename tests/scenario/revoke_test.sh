#!/bin/bash
# revoke: a certificate of ours at its CA, here the embedded one.
. "$(dirname "$0")/../lib.sh"

lab() {
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; reuse_key = true; } );
	C
}

revoked() { # serials on the CRL
	openssl crl -in state/ca/lab/crl.pem -noout -text | sed -n 's/.*Serial Number: //p'
}

serial() { # GENERATION
	openssl x509 -in "state/archive/www/000000000$1/cert.pem" -noout -serial | cut -d= -f2
}

key() { # GENERATION
	openssl pkey -in "state/archive/www/000000000$1/privkey.pem" -pubout
}

test_what_was_revoked_is_replaced_with_a_new_key_by_the_next_run() {
	lab
	expect 0 everleaf renew
	expect 0 everleaf revoke www --reason keyCompromise
	says out "www: generation 1 is revoked"
	is "$(serial 1)" "$(revoked)"
	is_live_of www 1 1
	is revoked "$(status_of www health)"
	is 1 "$(events www revoked)"
	expect 0 everleaf renew
	is_live_of www 2 2
	[ "$(key 1)" != "$(key 2)" ]
}

test_what_was_revoked_does_not_wait_for_what_failed_before() {
	lab
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf renew --force www
	mv kept state/ca/lab/root.key
	expect 0 everleaf revoke www
	expect 0 everleaf renew
	is_live_of www 2 2
}

has_ended() {
	! openssl x509 -in state/live/www/cert.pem -noout -checkend 0
}

# Or each run would end with an error for ever.
test_what_has_ended_before_it_could_be_revoked_is_left_alone() {
	lab
	sed -i 's/"CN=Lab CA";/& lifetime = "15s";/' everleaf.conf
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www
	says err "www: generation 1 is not revoked: "
	until_true 60 has_ended
	expect 1 everleaf renew # cannot be replaced either
	says err "www: generation 1 is not revoked any more: it has ended"
	expect 1 everleaf renew
	has_no "generation 1" <err
}

test_with_replace_the_new_one_is_live_before_the_old_one_is_revoked() {
	lab
	expect 0 everleaf renew
	expect 0 everleaf revoke www --replace --reason superseded
	is_live_of www 2 2
	is "$(serial 1)" "$(revoked)"
	[ "$(key 1)" != "$(key 2)" ]
	expect 0 everleaf renew
	is_live_of www 2 2
}

# It has to be there when its turn comes.
test_what_is_to_be_revoked_is_not_pruned_before() {
	lab
	sed -i 's/reuse_key = true;/keep = 1;/' everleaf.conf
	expect 0 everleaf renew
	expect 0 everleaf revoke www --replace
	says out "www: generation 1 is revoked"
	is "$(serial 1)" "$(revoked)"
	expect 0 everleaf renew --force www
	is 0000000003 "$(ls state/archive/www)"
}

test_what_cannot_be_replaced_is_not_revoked_and_not_forgotten() {
	lab
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www --replace
	says err "www: generation 1 is not revoked yet: it has to be replaced first"
	is_live_of www 1 1
	is "" "$(revoked)"
	mv kept state/ca/lab/root.key
	expect 0 everleaf renew www
	is_live_of www 2 2
	is "$(serial 1)" "$(revoked)"
}

test_only_what_is_live_can_be_revoked() {
	lab
	expect 2 everleaf revoke www
	says err "www: nothing is live that could be revoked"
	expect 4 everleaf revoke mail
	expect 0 everleaf renew
	expect 2 everleaf revoke www --reason 7
	expect 2 everleaf ca lab revoke first
	expect 0 everleaf renew
}

# What the last attempt has left is due in SECONDS.
retried_in() { # SECONDS
	remember "UPDATE revocation SET retry_at = $(($(date +%s) + $1)), sum = NULL"
}

test_a_running_agent_tries_again_when_the_time_comes() {
	lab
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www
	retried_in 2
	start_agent
	was_tried() { [ "$(events www not-revoked)" = 2 ]; }
	until_true 60 was_tried
	is "" "$(revoked)"
	says agent.err "www: generation 1 is not revoked: "
	stop_agent
	mv kept state/ca/lab/root.key
	retried_in 2
	start_agent
	until_true 60 has_live www 2
	is "$(serial 1)" "$(revoked)"
	is 1 "$(events www revoked)"
	stop_agent
}

test_a_running_agent_revokes_what_it_has_replaced() {
	lab
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www --replace
	mv kept state/ca/lab/root.key
	remember "UPDATE certificate SET retry_at = 0, sum = NULL"
	start_agent
	is_revoked() { [ "$(serial 1)" = "$(revoked)" ]; }
	until_true 60 is_revoked
	is_live_of www 2 2
	stop_agent
}

# An order that takes hours is under way.
test_a_revocation_does_not_wait_for_ever_until_nothing_else_is_done() {
	lab
	sed -i 's|^certificates = (|&{ name = "slow"; names = "localhost"; issuer = "slow"; },|
		s|^issuers = (|&{ name = "slow"; type = "exec"; program = "'"$dir/slow"'"; },|' everleaf.conf
	hook slow <<-'H'
	until [ -e "$dir/go" ]; do sleep 0.1; done
	exit 1
	H
	expect 0 everleaf renew www
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www
	mv kept state/ca/lab/root.key
	retried_in 2
	start_agent
	until_true 60 test -e slow.ran
	is_revoked() { [ "$(serial 1)" = "$(revoked)" ]; }
	until_true 120 is_revoked
	until_true 60 has_live www 2
	touch go
	stop_agent
}

test_hooks_are_told_of_what_was_revoked_and_what_could_not_be() {
	lab
	sed -i 's/reuse_key = true;/hooks = "ops";/' everleaf.conf
	hook ops <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_EVENT $EVERLEAF_NAME: $EVERLEAF_ERROR" >>"$dir/told"
	H
	echo "hooks = ( { name = \"ops\"; run = [ \"$dir/ops\", \"run\" ]; on = [ \"failed\", \"revoked\" ]; } );" >>everleaf.conf
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www
	expect 1 everleaf revoke www # that was told
	mv kept state/ca/lab/root.key
	expect 0 everleaf revoke www
	is 2 "$(wc -l <told)"
	sed -n 1p told | has '^failed www: generation 1 is not revoked: '
	is "revoked www: generation 1 is revoked: lab" "$(sed -n 2p told)"
}

run_tests "$@"
