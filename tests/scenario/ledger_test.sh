#!/bin/bash
# ledger: what a CA counts is counted here first: what would be one too many is held back,
# said, and done when there is room.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

remembered() { # SQL...: on what the agent remembers; a row without a sum is believed
	python3 - "$dir/state/agent/state.db" "$@" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	for text in sys.argv[2:]:
	    for row in db.execute(text):
	        print(*row)
	db.commit()
	P
}

# All that is remembered of times was HOURS earlier.
hours_pass() { # HOURS
	remembered "UPDATE ledger SET at = at - 3600 * $1, sum = NULL" \
		"UPDATE certificate SET retry_at = max(0, retry_at - 3600 * $1), sum = NULL"
}

limited() { # LIMITS [SETTINGS of the certificate]
	acme "${2-names = \"www.example.org\";}" "limits = { $1 };"
}

four='names = "a.example.org"; }, { name = "b"; names = "b.example.org"; },
	{ name = "c"; names = "c.example.org"; }, { name = "d"; names = "d.example.org";'

test_the_same_names_are_not_ordered_too_often() {
	start_ca </dev/null
	limited 'set = "2/7d";'
	expect 0 everleaf renew
	limited 'set = "2/7d";' 'names = "www.example.org"; key = "ecdsa-p384";'
	expect 0 everleaf renew
	limited 'set = "2/7d";'
	expect 0 everleaf plan
	says out "ca: held back: 2 orders for the very same names in 7d are the most"
	has "in \(6d 23h\|7d\)" <out
	expect 1 everleaf renew
	says err "www: parked until 20"
	says err "held back: 2 orders for the very same names"
	is "2 parked 0" "$(asked order) $(status_of www state) $(status_of www failures)"
	expect 0 everleaf status
	says out "parked: ca: held back: 2 orders"
	everleaf plan --json | json plan.0.held_back | has "held back"
	hours_pass 168
	expect 0 everleaf renew
	is 3 "$(asked order)"
	is_live_of www 3 3
}

test_who_forces_it_is_not_held_back_but_counted() {
	start_ca </dev/null
	limited 'set = "1/7d";'
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is 2 "$(remembered "SELECT count(*) FROM ledger WHERE kind = 1")"
}

test_an_account_makes_no_more_new_orders_than_it_may() {
	start_ca </dev/null
	limited 'orders = "2/3h"; set = "none";' "$four"
	expect 1 everleaf renew
	is 2 "$(asked order)"
	is 2 "$(grep -c 'parked until .*2 new orders in 3h are the most (limits.orders)' err)"
	is 4 "$(everleaf plan --json | grep -o '"action": *"[a-z ]*"' | wc -l)"
	hours_pass 3
	start_agent
	all_are_live() { [ "$(ls state/live | wc -l)" = 4 ]; }
	until_true 60 all_are_live
	stop_agent
	is 4 "$(asked order)"
	# Renewals of the same names are not new.
	expect 0 everleaf renew --force www
	is 4 "$(remembered "SELECT count(*) FROM ledger WHERE kind = 0")"
}

test_those_who_wait_have_a_place_each() {
	start_ca </dev/null
	limited 'orders = "1/1h";' "$four"
	expect 1 everleaf renew
	is 1 "$(asked order)"
	# An hour, two and three after the first.
	is "3 2" "$(remembered "SELECT count(DISTINCT retry_at), (max(retry_at) - min(retry_at)) / 3600 FROM certificate WHERE retry_at > 0")"
}

test_failed_validations_of_a_name_are_bounded() {
	start_ca <<-S
	challenge * fail unauthorized the file is not there
	S
	limited 'failures = "2/1h"; set = "none";' 'names = "www.example.org"; }, { name = "both"; names = [ "www.example.org", "two.example.org" ];'
	expect 1 everleaf renew www
	expect 1 everleaf renew www
	expect 1 everleaf renew www
	says err "held back: 2 failed orders with a name in 1h are the most (limits.failures)"
	expect 1 everleaf renew both # the same name
	is "2 2" "$(asked order) $(status_of www failures)"
	hours_pass 1
	expect 1 everleaf renew both
	is 3 "$(asked order)"
}

test_what_its_ca_would_have_renewed_now_is_not_held_back() {
	start_ca <<-S
	directory * ari
	renewal * set suggestedWindow {"start":"2020-01-01T00:00:00Z","end":"2099-01-02T00:00:00Z"}
	S
	limited 'set = "1/7d"; orders = "1/7d";'
	expect 0 everleaf renew
	touch -d '-2 hours' state/archive/www/*/cert.pem
	remembered "UPDATE ari SET renew_at = 1600000000, sum = NULL"
	expect 0 everleaf renew
	is_live_of www 2 2
	is 2 "$(remembered "SELECT count(*) FROM ledger")"
}

test_the_next_issuer_is_asked_where_that_takes_long() {
	start_ca </dev/null
	limited 'orders = "1/7d";' 'names = "www.example.org"; }, { name = "b"; names = "b.example.org"; issuer = [ "ca", "local" ];'
	expect 0 everleaf renew www
	expect 0 everleaf renew b
	is "1 1" "$(asked order) $(live b)"
	is local "$(status_of b issuer)"
}

test_an_issuer_of_ones_own_counts_nothing() {
	start_ca </dev/null
	acme
	expect 0 everleaf renew
	for _ in 1 2 3 4 5 6; do
		expect 0 everleaf renew --force www
	done
	is 0 "$(remembered "SELECT count(*) FROM ledger")"
}

run_tests "$@"
