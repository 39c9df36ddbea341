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

# Or each run would end with an error for ever.
test_what_has_ended_before_it_could_be_revoked_is_left_alone() {
	lab
	sed -i 's/"CN=Lab CA";/& lifetime = "3s";/' everleaf.conf
	expect 0 everleaf renew
	mv state/ca/lab/root.key kept
	expect 1 everleaf revoke www
	says err "www: generation 1 is not revoked: "
	sleep 3
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
}

run_tests "$@"
