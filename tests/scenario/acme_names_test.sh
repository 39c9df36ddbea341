#!/bin/bash
# acme_names: a name that cannot be shown in one way is shown in another, or left out.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Two ways, for which the scripted CA need not come: a webroot, and another challenge.
two_ways() {
	free_port
	way="( $(webroot), $(by_tls "127.0.0.1:$port") )"
}

# How often the CA was told of a challenge of WAY.
answered() { # WAY
	grep -c "^challenge .*/$1 " ca/log || :
}

# What names the last order was for.
ordered() {
	grep '^order ' ca/log | tail -n 1 | grep -o '"value": *"[^"]*"' | cut -d'"' -f4 | tr '\n' ' '
}

# `plan` tells what `status` does.
same_setbacks() {
	local shown
	shown=$(status_of www setbacks)
	[ "$shown" != "[]" ]
	is "$shown" "$(everleaf plan --json | json plan.0.setbacks)"
}

test_what_the_ca_did_not_see_is_shown_in_the_next_way() {
	start_ca <<-S
	challenge * deny www.example.org http-01 connection refused by the web server
	S
	two_ways
	acme
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is "1 1" "$(answered http-01) $(answered tls-alpn-01)"
	says err "www.example.org is shown by tls-alpn-01"
	is 0 "$(status_of www failures)"
	no_token_is_left
	no_fault
}

test_the_next_renewal_begins_with_what_worked() {
	start_ca <<-S
	challenge * deny www.example.org http-01 connection refused by the web server
	S
	two_ways
	acme
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	acme 'names = "www.example.org"; key = "ecdsa-p384";'
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 2 2
	is "1 2" "$(answered http-01) $(answered tls-alpn-01)"
	no_fault
}

test_a_person_who_forces_it_begins_with_the_first_way() {
	start_ca <<-S
	challenge 1 deny www.example.org http-01 connection refused by the web server
	S
	two_ways
	acme
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew --force www
	is_live_of www 2 2
	is "2 1" "$(answered http-01) $(answered tls-alpn-01)"
	no_fault
}

test_each_way_is_tried_once_and_then_it_has_failed() {
	start_ca <<-S
	challenge * deny www.example.org * connection refused
	S
	two_ways
	acme
	expect 1 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is "1 1" "$(answered http-01) $(answered tls-alpn-01)"
	is 2 "$(asked order)"
	is 1 "$(status_of www failures)"
	[ ! -e state/live/www ]
	no_token_is_left
	no_fault
}

test_what_cannot_be_set_up_is_shown_in_the_next_way() {
	start_ca </dev/null
	two_ways
	way="( { type = \"http-01\"; hook = \"/bin/false\"; }, ${way#(}"
	acme
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	says err "www.example.org is shown by http-01 $dir/www next"
	is "http-01 /bin/false" "$(status_of www setbacks.0.challenge)"
	everleaf status >shown
	says shown "www.example.org is not shown by http-01 /bin/false"
	everleaf plan >shown
	says shown "www.example.org is not shown by http-01 /bin/false"
	same_setbacks
	no_token_is_left
	no_fault
}

optional() { # [SETTINGS of the issuer [of the certificate]]: one that is needed, one that is not
	acme "names = \"www.example.org\"; optional = \"old.example.org\"; ${2-}" "${1-}"
}

test_an_optional_name_that_fails_is_left_out_at_once() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is "DNS:www.example.org " "$(names_of www)"
	is 2 "$(asked order)"
	is "www.example.org " "$(ordered)"
	says err "old.example.org is left out"
	is "old.example.org true" "$(status_of www setbacks.0.name) $(status_of www setbacks.0.left_out)"
	everleaf status >shown
	says shown "old.example.org is left out until"
	everleaf plan >shown
	says shown "old.example.org is left out until"
	same_setbacks
	expect 0 everleaf renew # it is as it is to be
	is 2 "$(asked order)"
	is 0 "$(status_of www failures)"
	no_token_is_left
	no_fault
}

test_an_optional_name_that_the_ca_forbids_is_left_out() {
	start_ca <<-S
	order * forbid old.example.org rejectedIdentifier it is not to be
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is "DNS:www.example.org " "$(names_of www)"
	no_fault
}

test_an_optional_name_that_is_forbidden_at_last_is_left_out() {
	start_ca <<-S
	finalize * forbid old.example.org caa the record forbids it
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is "DNS:www.example.org " "$(names_of www)"
	no_token_is_left
	no_fault
}

test_a_name_that_is_needed_keeps_what_there_is() {
	start_ca </dev/null
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is "DNS:old.example.org DNS:www.example.org " "$(names_of www)"
	script <<-S
	challenge * deny www.example.org * connection refused
	S
	expect 1 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew --force www
	is_live_of www 1 1
	is "DNS:old.example.org DNS:www.example.org " "$(names_of www)"
	is 1 "$(status_of www failures)"
	no_fault
}

# The moment at which what is left out is tried again.
retakes() {
	sql "UPDATE setback SET retry_at = $1, sum = NULL WHERE way = ''"
}

sql() {
	python3 - "$dir/state/agent/state.db" "$1" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	for row in db.execute(sys.argv[2]):
	    print(*row)
	db.commit()
	P
}

test_what_was_left_out_comes_back_when_it_works() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	script </dev/null
	expect 0 everleaf renew
	is_live_of www 1 1 # not before its time
	retakes 1
	everleaf plan --json >plan
	is names-differ "$(json plan.0.why <plan)"
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 2 2
	is "DNS:old.example.org DNS:www.example.org " "$(names_of www)"
	is 0 "$(sql "SELECT count(*) FROM setback")"
	no_fault
}

test_what_still_fails_changes_nothing_that_is_live() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	retakes 1
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is 3 "$(asked order)"
	is 0 "$(status_of www failures)"
	is 1 "$(events www left-out)"
	is 2 "$(sql "SELECT failures FROM setback WHERE way = ''")"
	expect 0 everleaf renew
	is 3 "$(asked order)"
	no_fault
}

# A run is killed at what the CA is told to hold.
killed_in_the_middle() {
	touch ca/stop
	"$BUILD/everleaf" -c "$dir/everleaf.conf" renew >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 test -e ca/stop.here
	kill -9 "$run" "$(role agent)"
	rm ca/stop
	no_role_is_left
}

test_a_kill_does_not_bring_back_what_was_left_out() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	finalize 1 hold stop
	S
	optional
	killed_in_the_middle
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is "DNS:www.example.org " "$(names_of www)"
	is 2 "$(asked order)"
	no_token_is_left
	no_fault
}

test_a_kill_does_not_forget_which_way_has_failed() {
	start_ca <<-S
	challenge * deny www.example.org http-01 connection refused
	order 2 hold stop
	S
	two_ways
	acme
	killed_in_the_middle
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is "1 1" "$(answered http-01) $(answered tls-alpn-01)"
	no_token_is_left
	no_fault
}

test_a_person_who_forces_it_has_all_names_tried() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	optional
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	script </dev/null
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew --force www
	is_live_of www 2 2
	is "DNS:old.example.org DNS:www.example.org " "$(names_of www)"
	is 0 "$(sql "SELECT count(*) FROM setback")"
	no_fault
}

# What the ledger has no room for with a name that comes back, there may be without.
test_a_name_that_comes_back_holds_nothing_up() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	optional 'limits = { failures = "1/7d"; };'
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	retakes 1
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is 2 "$(asked order)"
	optional 'limits = { failures = "1/7d"; };' 'key = "ecdsa-p384";'
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 2 2
	is "DNS:www.example.org " "$(names_of www)"
	no_fault
}

# A hook is told of the names that there are.
test_a_hook_is_told_what_the_certificate_has() {
	start_ca <<-S
	challenge * deny old.example.org * dns it has no address
	S
	cat >hook <<-H
	#!/bin/sh
	echo "\$RENEWED_DOMAINS" >"$dir/told"
	H
	chmod 755 hook
	optional
	sed -i 's/optional = /hooks = "mine"; optional = /' everleaf.conf
	echo "hooks = ( { name = \"mine\"; run = \"$dir/hook\"; } );" >>everleaf.conf
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is www.example.org "$(cat told)"
}

run_tests "$@"
