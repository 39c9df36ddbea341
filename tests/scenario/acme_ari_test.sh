#!/bin/bash
# acme_ari: a CA says when it would have a certificate renewed (RFC 9773), and that is
# when it is; where it says nothing, or nonsense, or is not there, nothing is lost.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

have() { # the script on stdin, the certificate from it
	start_ca
	acme "$@"
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf -v renew
	is_live_of www 1 1
	no_fault
}

remembered() { # SQL...: on what the agent remembers
	python3 - "$dir/state/agent/state.db" "$@" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for text in sys.argv[2:]:
	    for row in db.execute(text):
	        print(*row)
	db.commit()
	P
}

# Some hours later: the CA is due to be asked, the certificate is no new one.
later() {
	remembered "UPDATE ari SET ask_at = 1, sum = NULL" >/dev/null
	touch -d '-2 hours' state/archive/www/*/cert.pem
}

window() { # START|END of the window as status has it
	everleaf status --json | json "certificates.0.ari.$1"
}

test_the_ca_is_asked_right_after_it_issued() {
	have <<-S
	directory * ari
	renewal * set explanationURL "https://ca.example/why"
	S
	is 1 "$(asked renewal)"
	says err "www: its CA would have it renewed between "
	says err "https://ca.example/why"
	[ "$(date -d "$(window end)" +%s)" -gt "$(date -d "$(window start)" +%s)" ]
	is https://ca.example/why "$(window explanation_url)"
	is ari "$(everleaf plan --json | json plan.0.why)"
	everleaf status | has "its CA explains when: https://ca.example/why"
}

test_the_moment_is_drawn_once_and_lies_in_the_window() {
	local at
	have <<-S
	directory * ari
	renewal * set suggestedWindow {"start":"2099-01-01T00:00:00Z","end":"2099-01-02T00:00:00Z"}
	S
	at=$(remembered "SELECT renew_at FROM ari")
	[ "$at" -ge 4070908800 ] && [ "$at" -lt 4070995200 ]
	later
	expect 0 everleaf renew
	is 2 "$(asked renewal)"
	is "$at" "$(remembered "SELECT renew_at FROM ari")"
	not grep "would have it renewed" err
	# Later than is safe: the last moment of the formula holds.
	is expiring "$(everleaf plan --json | json plan.0.why)"
}

test_nothing_is_asked_before_the_ca_wants_to_be() {
	have <<-S
	directory * ari
	S
	expect 0 everleaf renew
	expect 0 everleaf plan
	expect 0 everleaf renew --dry-run
	is 1 "$(asked renewal)"
	is 2 "$(($(asked connect) * 2))"
}

test_a_window_in_the_past_is_now_and_with_a_new_key() {
	local key
	have 'names = "www.example.org"; reuse_key = true;' <<-S
	directory * ari
	S
	key=$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)
	script <<-S
	directory * ari
	renewal 2 window -3600 -1800
	renewal 2 set explanationURL "https://ca.example/incident"
	S
	later
	expect 0 everleaf renew
	says err "https://ca.example/incident"
	is_live_of www 2 2
	not [ "$key" = "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" ]
	is 3 "$(asked renewal)"
	is 1 "$(grep -c '^order .*replaces' ca/log)"
	everleaf history | has "ari by ca"
	no_fault
}

# What the CA will revoke may have other names by now: that is another reason, first told.
test_a_window_in_the_past_is_a_new_key_for_other_names_too() {
	local key
	have 'names = "www.example.org"; reuse_key = true;' <<-S
	directory * ari
	renewal * window -3600 -1800
	S
	key=$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)
	acme 'names = [ "www.example.org", "new.example.org" ]; reuse_key = true;'
	everleaf plan --json | json plan.0.why | has names-differ
	expect 0 everleaf renew
	is_live_of www 2 2
	not [ "$key" = "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" ]
}

test_a_ca_that_calls_each_new_certificate_due_is_not_asked_in_a_circle() {
	have <<-S
	directory * ari
	renewal * window -3600 -1800
	S
	expect 0 everleaf renew
	remembered "UPDATE ari SET ask_at = 1, sum = NULL" >/dev/null
	expect 0 everleaf renew
	is_live_of www 1 1
	is 1 "$(asked order)"
	is ari "$(everleaf plan --json | json plan.0.why)"
}

test_a_ca_without_renewal_information_is_asked_by_the_formula() {
	have </dev/null
	is 0 "$(asked renewal)"
	is null "$(everleaf status --json | json certificates.0.ari)"
	is expiring "$(everleaf plan --json | json plan.0.why)"
	expect 0 everleaf renew --force www
	not grep '^order .*replaces' ca/log
	no_fault
}

test_a_ca_whose_advice_is_not_wanted_is_not_asked() {
	have 'names = "www.example.org";' 'ari = false;' <<-S
	directory * ari
	S
	expect 0 everleaf renew --force www
	is 0 "$(asked renewal)"
	not grep '^order .*replaces' ca/log
}

# = RFC 9773 4.3.3 [errors]
test_nonsense_is_no_answer_and_takes_no_window_away() {
	have <<-S
	directory * ari
	S
	local start
	start=$(window start)
	script <<-S
	directory * ari
	renewal * window 3600 1800
	S
	later
	expect 0 everleaf -v renew
	says err "does not say when to renew it"
	is "$start" "$(window start)"
	expect 0 everleaf renew
	is 2 "$(asked renewal)"
	script <<-S
	directory * status 500
	S
	later
	expect 0 everleaf renew
	expect 0 everleaf renew
	is "$start" "$(window start)"
	is_live_of www 1 1
}

test_a_ca_that_is_down_is_asked_again_in_minutes() {
	local wait
	have <<-S
	directory * ari
	S
	script <<-S
	directory * ari
	renewal * status 500
	renewal * without Retry-After
	S
	for wait in 120 240 480; do
		later
		expect 0 everleaf renew
		near "$wait" "$(remembered "SELECT ask_at - $(date +%s) FROM ari")"
	done
	script <<-S
	directory * ari
	renewal * status 404
	renewal * without Retry-After
	S
	later
	expect 0 everleaf renew
	wait=$(remembered "SELECT ask_at - $(date +%s) FROM ari") # 6 h, and up to a sixth
	[ "$wait" -gt $((21600 - 60)) ] && [ "$wait" -le $((25200 + 3600)) ] || fail "$wait s"
	script <<-S
	directory * ari
	S
	later
	expect 0 everleaf renew
	is 0 "$(remembered "SELECT failures FROM ari")"
}

near() { # EXPECTED FOUND: in seconds
	[ "$2" -le "$1" ] && [ "$2" -gt $(($1 - 15)) ] || fail "$2 s, not $1 s"
}

test_a_ca_that_is_silent_holds_a_run_up_for_ten_seconds_once() {
	have <<-S
	directory * ari
	S
	script <<-S
	directory * ari
	renewal * hang
	S
	later
	expect 0 everleaf -v renew
	says err "no answer within 10 s"
	expect 0 everleaf renew
	is 2 "$(asked renewal)"
}

test_an_order_says_what_it_replaces_and_does_without_where_it_must() {
	have <<-S
	directory * ari
	S
	not grep '^order .*replaces' ca/log
	expect 0 everleaf renew --force www
	is 1 "$(grep -c '^order .*replaces' ca/log)"
	script <<-S
	directory * ari
	order 3 problem unauthorized not yours
	S
	expect 0 everleaf renew --force www
	is_live_of www 3 3
	is 4 "$(asked order)"
	is 2 "$(grep -c '^order .*replaces' ca/log)"
	no_fault
}

test_what_was_rolled_back_to_was_replaced_already() {
	have <<-S
	directory * ari
	S
	expect 0 everleaf renew --force www
	expect 0 everleaf rollback www
	expect 0 everleaf renew
	is 2 "$(asked renewal)"
	is null "$(everleaf status --json | json certificates.0.ari)"
	expect 0 everleaf renew --force www
	is 1 "$(grep -c '^order .*replaces' ca/log)"
	is 3 "$(asked order)"
}

is_planned_by() { # WHY
	[ "$(everleaf plan --json | json plan.0.why)" = "$1" ]
}

# The agent sleeps until it is to ask, and then until the second that it has drawn.
test_the_agent_asks_and_renews_when_it_is_to() {
	local at
	have <<-S
	directory * ari
	S
	script <<-S
	directory * ari
	renewal 2 window 2 4
	S
	later
	at=$(($(date +%s) + 4))
	remembered "UPDATE ari SET ask_at = $at, sum = NULL" >/dev/null
	start_agent
	until_true 60 grep -q '^renewal 2' ca/log
	[ "$(date +%s)" -ge $at ]
	until_true 60 has_live www 2
	until_true 60 is_planned_by ari
	stop_agent
	is_live_of www 2 2
	is 3 "$(asked renewal)"
	no_fault
}

run_tests "$@"
