#!/bin/bash
# acme_account: which account speaks to which CA, and what a CA says to a revocation.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# The issuer `ca` is the scripted CA in the folder $1 from now on.
is_at() { # FOLDER
	url=https://localhost:$(cat "$1/port")/directory
	trust=$dir/$1/root.pem
	acme
}

# Two CAs: $first is the port of the one in ca, the other is in ca2.
two_cas() { # the script of the first on stdin
	start_ca
	first=$(cat ca/port)
	ca=ca2 start_ca </dev/null
	is_at ca
}

test_another_url_is_another_account_with_another_key() {
	two_cas </dev/null
	expect 0 everleaf renew
	cp -r state/accounts/ca before
	is_at ca2
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	says err "it is another CA now"
	diff -r before state/accounts/ca
	is 2 "$(ls state/accounts | wc -l)"
	not cmp -s state/accounts/ca/account.key state/accounts/ca@*/account.key
	not grep -q "localhost:$first" ca2/log
	not grep '^fault' ca/log ca2/log
	# Back again, and there again: both are known.
	is_at ca
	expect 0 everleaf renew --force www
	is_at ca2
	expect 0 everleaf renew --force www
	is 1 "$(grep -c '"termsOfServiceAgreed"' ca/log)"
	is 1 "$(grep -c '"termsOfServiceAgreed"' ca2/log)"
	not grep '^fault' ca/log ca2/log
}

test_each_account_is_given_up_for_itself() {
	two_cas </dev/null
	expect 0 everleaf renew
	is_at ca2
	expect 2 everleaf account ca show
	says err "there is no account at"
	expect 0 everleaf account ca register
	expect 0 everleaf account ca deactivate --yes
	[ -e state/accounts/ca/account.key ]
	not ls state/accounts/ca@*/account.key
	is_at ca
	expect 0 everleaf account ca show
	says out "localhost:$first"
}

# Only roles that are lost are begun again.
test_a_ca_that_is_not_there_is_asked_once() {
	start_ca </dev/null
	acme
	end "$(tail -n 1 pids)"
	expect 1 everleaf account ca show
	is 1 "$(wc -l <err)"
	says err "Connection refused"
}

test_an_order_at_the_ca_before_is_left_there() {
	two_cas <<-S
	poll * set status "pending"
	poll * header Retry-After: 3600
	S
	expect 1 everleaf renew --wait 1s
	is_at ca2
	expect 0 everleaf renew --force www
	is_live_of www 1 1
	no_token_is_left
	not grep -q "localhost:$first" ca2/log
}

# -- revocation --

noted() { # PATH: of what is to be revoked
	everleaf status --json | json "revocations.$1"
}

# Some day later.
later() {
	python3 - "$dir/state/agent/state.db" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	db.execute("UPDATE revocation SET retry_at = 1, sum = NULL")
	db.commit()
	P
}

test_a_refused_revocation_is_an_error_once_and_tried_each_day() {
	start_ca <<-S
	revoke * problem badRevocationReason not that one
	S
	acme
	expect 0 everleaf renew
	expect 1 everleaf revoke www --reason superseded
	says err 'www: generation 1 is not revoked: revoke: the CA answers 400: badRevocationReason: "not that one"'
	says err "try everleaf revoke www with --by-key or another --reason"
	is 1 "$(events www not-revoked)"
	is 1 "$(noted '#')"
	noted 0.last_error | has "not that one"
	everleaf status | has "www: generation 1 is to be revoked, tried again"
	expect 0 everleaf renew
	is 1 "$(asked revoke)"
	later
	expect 0 everleaf renew
	is 2 "$(asked revoke)"
	is 1 "$(events www not-revoked)"
	is 2 "$(noted 0.failures)"
	# Another reason: asked at once.
	script <<<""
	rm ca/script
	expect 0 everleaf revoke www --reason keyCompromise
	is 0 "$(noted '#')"
	is 3 "$(asked revoke)"
	is 1 "$(events www revoked)"
}

test_a_ca_that_cannot_be_asked_is_tried_again_like_for_a_renewal() {
	start_ca <<-S
	revoke 1 status 500
	S
	acme
	expect 0 everleaf renew
	expect 1 everleaf revoke www
	expect 1 everleaf renew
	says err "www: generation 1 is not revoked yet, and not tried again before"
	is 1 "$(asked revoke)"
	expect 0 everleaf renew www
	is 2 "$(asked revoke)"
	is 0 "$(noted '#')"
}

test_a_running_agent_asks_again_by_itself() {
	start_ca <<-S
	revoke 1 status 500
	S
	acme
	expect 0 everleaf renew
	expect 1 everleaf revoke www
	later
	start_agent
	until_true 60 has_live www 2 # what is revoked is replaced
	is "2 0" "$(asked revoke) $(noted '#')"
	is 1 "$(events www revoked)"
	stop_agent
	no_fault
}

test_what_waits_of_another_certificate_is_not_this_ones_failure() {
	start_ca <<-S
	revoke 1 status 500
	S
	acme 'names = "www.example.org"; }, { name = "two"; names = "two.example.org";'
	expect 0 everleaf renew
	expect 1 everleaf revoke www
	expect 0 everleaf revoke two
	is 1 "$(noted '#')"
	expect 0 everleaf renew two
	expect 1 everleaf renew
	expect 0 everleaf renew www
	is 0 "$(noted '#')"
}

test_what_is_revoked_already_is_done() {
	start_ca <<-S
	revoke * problem alreadyRevoked long ago
	S
	acme
	expect 0 everleaf renew
	expect 0 everleaf revoke www
	is 0 "$(noted '#')"
	is revoked "$(status_of www health)"
}

test_an_external_account_that_is_used_up_does_not_hide_the_account() {
	start_ca </dev/null
	echo MDEyMzQ1Njc4OWFiY2RlZg >eab.key
	chmod 600 eab.key
	acme 'names = "www.example.org";' "eab = { kid = \"one\"; key_file = \"$dir/eab.key\"; };"
	expect 0 everleaf renew
	rm state/accounts/ca/account.json
	script <<-S
	account 2 problem unauthorized the external account is used up
	account 2 status 403
	S
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is 3 "$(asked account)"
	is 2 "$(asked order)"
}

run_tests "$@"
