#!/bin/bash
# acme_later: a CA that says no, or not now: what is remembered, and what is done instead.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# In how many minutes NAME is next looked at.
minutes_until_next() { # NAME
	echo $((($(date -d "$(status_of "$1" next_at)" +%s) - $(date +%s) + 30) / 60))
}

fails() { # WORDS, script on stdin
	start_ca
	acme
	expect 1 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	says err "$1"
	[ ! -e state/live/www ]
	no_fault
}

parked() { # MINUTES: until then nothing is asked
	local orders
	orders=$(asked connect)
	expect 1 everleaf renew
	is "$orders" "$(asked connect)"
	is "$1" "$(minutes_until_next www)"
	is 0 "$(status_of www failures)"
}

plans() { # WORDS: what is done with the only certificate next
	everleaf plan --json >plan
	is "$1" "$(json plan.0.action <plan)"
}

test_too_many_requests_is_a_time_and_no_failure() {
	fails "slow down" <<-S
	order * problem rateLimited slow down
	order * status 429
	order * header Retry-After: 7200
	S
	parked 120
	plans issue
}

test_a_ca_that_is_busy_at_any_step_is_waited_for() {
	local step
	for step in directory nonce account order authz challenge poll finalize cert; do
		echo "$step 1 problem rateLimited slow down"
		echo "$step 1 status 429"
		echo "$step 1 header Retry-After: 1"
	done >busy
	start_ca <busy
	acme
	expect 0 timeout 120 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is 0 "$(status_of www failures)"
	is 1 "$(grep -c '^poll 1 ' ca/log)"
	is 2 "$(asked order)" # the first one was none
	is 2 "$(asked finalize)"
	no_token_is_left
	no_fault
}

test_too_many_requests_without_a_time_is_an_hour() {
	fails "slow down" <<-S
	order * problem rateLimited slow down
	order * status 429
	S
	parked 60
}

test_a_ca_that_is_down_and_says_when_is_believed() {
	fails 503 <<-S
	directory * status 503
	directory * body no
	directory * header Retry-After: 3600
	S
	parked 60
}

test_no_retry_after_keeps_anything_waiting_for_longer_than_a_day() {
	fails "slow down" <<-S
	order * problem rateLimited slow down
	order * header Retry-After: Fri, 31 Dec 9999 23:59:59 GMT
	S
	parked 1440
}

test_an_order_that_must_wait_for_a_day_is_parked_and_gone_on_with() {
	fails "parked until" <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: 99999999999999999999
	S
	parked 1440
	plans "go on with its order"
	expect 0 everleaf renew www
	is_live_of www 1 1
	is 1 "$(asked order)"
	no_token_is_left
}

test_a_renewal_that_must_wait_before_there_is_an_order_is_one_still() {
	start_ca <<-S
	order 2 problem rateLimited slow down
	order 2 header Retry-After: 7200
	S
	acme
	expect 0 everleaf renew
	expect 1 everleaf renew --force www
	plans renew
	expect 0 everleaf renew www
	is_live_of www 2 2
}

# Nobody but the CA looks at it, and that only when it goes on.
test_what_a_parked_order_shows_is_left_alone_until_it_goes_on() {
	start_ca <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: 3600
	S
	acme
	expect 1 everleaf renew --wait 1s
	rm "$dir/$www"/.well-known/acme-challenge/*
	expect 1 everleaf renew
	is "" "$(ls "$dir/$www/.well-known/acme-challenge")"
	script <<-S
	poll 2 hold stop
	S
	touch ca/stop
	"$BUILD/everleaf" -c everleaf.conf renew www >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 test -e ca/stop.here
	is 1 "$(ls "$dir/$www/.well-known/acme-challenge" | wc -l)"
	rm ca/stop
	until_true 60 test -e state/live/www
	no_token_is_left
}

# Whatever its status: what stands between says nothing about the order.
test_a_page_of_a_firewall_does_not_end_an_order() {
	local step
	for step in authz challenge poll finalize cert; do
		echo "$step 1 status 403"
		echo "$step 1 header Content-Type: text/html"
		echo "$step 1 body <html>Access denied</html>"
	done >blocked
	echo "poll 2 status 404
poll 2 body <html>Not found</html>
poll 3 status 408" >>blocked
	start_ca <blocked
	acme
	for _ in {1..12}; do
		timeout 60 "$BUILD/everleaf" -c everleaf.conf renew www 2>>err && break
	done
	says err "403 with a page, as a proxy or a firewall does: <html>Access denied"
	is_live_of www 1 1
	is 1 "$(asked order)"
	no_token_is_left
	no_fault
}

test_a_server_error_is_tried_again_after_a_minute() {
	fails 500 <<-S
	order * status 500
	order * body oops
	S
	is 1 "$(status_of www failures)"
	[ "$(minutes_until_next www)" -le 2 ]
	expect 1 everleaf renew
	is 1 "$(asked order)"
}

test_what_the_ca_refuses_is_not_asked_again_for_a_day() {
	fails "no such domain" <<-S
	order * problem rejectedIdentifier no such domain
	S
	is 1 "$(status_of www failures)"
	is 1440 "$(minutes_until_next www)"
	expect 1 everleaf renew
	is 1 "$(asked order)"
}

test_subproblems_are_told_name_by_name() {
	fails "bad.example.org" <<-S
	order * problem compound several
	order * set subproblems [{"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden by CAA", "identifier": {"type": "dns", "value": "bad.example.org"}}, {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "on a list", "identifier": {"type": "dns", "value": "worse.example.org"}}]
	S
	says err "forbidden by CAA"
	says err worse.example.org
	says err "on a list"
}

test_terms_that_changed_are_for_a_person() {
	fails "https://ca.example/new-terms" <<-S
	order * problem userActionRequired please agree
	order * set instance "https://ca.example/new-terms"
	S
	expect 1 everleaf renew
	is 1 "$(asked order)"
}

test_a_ca_that_wants_an_external_account_says_so() {
	fails externalAccountRequired <<-S
	account * problem externalAccountRequired get one
	S
	is 0 "$(asked order)"
}

test_a_challenge_that_fails_is_told_with_its_name() {
	fails "www.example.org" <<-S
	challenge * fail unauthorized the file is not there
	S
	says err "the file is not there"
	is 1 "$(status_of www failures)"
	is 1 "$(asked order)"
	no_token_is_left
}

# smallstep: neither the challenge nor the order ever become invalid.
test_a_challenge_that_stays_pending_with_an_error_has_failed() {
	fails "nothing listens" <<-S
	challenge * nothing
	authz 2- set challenges.1.error {"type": "urn:ietf:params:acme:error:connection", "detail": "nothing listens"}
	S
	is 1 "$(asked order)"
	no_token_is_left
}

test_one_that_never_ends_is_parked() {
	start_ca <<-S
	challenge * nothing
	S
	acme
	expect 1 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew --wait 3s
	says err "parked until"
	[ "$(asked poll)" -lt 20 ]
	script <<<""
	rm -f ca/script
	expect 1 everleaf renew --wait 1s
	is 1 "$(asked order)"
}

test_a_profile_that_is_refused_is_left_out_if_it_is_only_preferred() {
	start_ca <<-S
	directory * set meta.profiles {"short": "six days"}
	order 1 problem invalidProfile not for you
	finalize * set profile "default"
	poll * set profile "default"
	S
	acme 'names = "www.example.org";' 'profile = "short";'
	expect 0 everleaf renew
	says err short
	is 2 "$(asked order)"
}

test_a_profile_that_is_refused_at_the_end_costs_one_order_more() {
	start_ca <<-S
	directory * set meta.profiles {"short": "six days"}
	finalize 1 problem invalidProfile not for you
	S
	acme 'names = "www.example.org";' 'profile = "short";'
	expect 0 everleaf renew
	says err "the profile short; it was left out"
	is_live_of www 1 1
	is 2 "$(asked order)"
	is 1 "$(grep '^order ' ca/log | grep -c '"profile"')"
	no_token_is_left
	no_fault
}

# -- the list of issuers --

two_cas() { # script of the first on stdin
	local first second
	start_ca
	first="url = \"$url\"; trust = \"$trust\";"
	ca=second
	start_ca </dev/null
	second="url = \"$url\"; trust = \"$trust\";"
	ca=ca
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "first"; type = "acme"; $first }, { name = "second"; type = "acme"; $second } );
	certificates = ( { name = "www"; names = "www.example.org"; issuer = [ "first", "second" ];
		challenge = $(webroot); } );
	C
}

test_a_refusal_is_passed_on_to_the_next_issuer_at_once() {
	two_cas <<-S
	order * problem rejectedIdentifier no
	S
	expect 0 everleaf renew
	is second "$(status_of www issuer)"
	is_live_of www 1 1
	is 1 "$(asked order)"
}

test_a_ca_that_is_down_is_left_after_three_failures() {
	two_cas <<-S
	directory * close
	S
	expect 1 everleaf renew www
	expect 1 everleaf renew www
	timeout 60 "$BUILD/everleaf" -c everleaf.conf renew www || expect 0 everleaf renew www
	is second "$(status_of www issuer)"
}

test_a_wait_of_hours_is_passed_on_a_wait_of_minutes_is_not() {
	two_cas <<-S
	order * problem rateLimited slow down
	order * header Retry-After: 1800
	S
	expect 1 everleaf renew
	[ ! -e state/live/www ]
	script <<-S
	order * problem rateLimited slow down
	order * header Retry-After: 18000
	S
	expect 0 everleaf renew www
	is second "$(status_of www issuer)"
}

test_after_a_success_the_first_issuer_is_asked_first_again() {
	two_cas <<-S
	order * problem rejectedIdentifier no
	S
	expect 0 everleaf renew
	script </dev/null
	expect 0 everleaf renew --force www
	is first "$(status_of www issuer)"
}

run_tests "$@"
