#!/bin/bash
# acme_kill: a role is killed at each stage of an order. The next run goes on with what
# there is: one order, one certificate, no token left.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

stages="order authz challenge poll finalize cert"

# A run whose CA has done STEP but not answered yet.
in_the_middle_of() { # STEP
	rm -rf state ca ca.stop
	start_ca <<<"$1 1 hold stop"
	touch ca/stop
	acme 'names = [ "a.example.org", "b.example.org" ];'
	"$BUILD/everleaf" -c "$dir/everleaf.conf" renew >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 test -e ca/stop.here
}

# The answer comes, whoever is there to hear it; the run ends.
go_on() {
	rm -f ca/stop
	until_true 60 not_running
	no_role_is_left
}

not_running() {
	! kill -0 "$run" 2>/dev/null
}

# All at once: nobody is there to hear the answer any more.
kill_everything() {
	kill -9 "$run" "$(role agent)" "$(role keeper)" "$(role worker)"
}

# Whatever the run brought about: now it is there, and was ordered once; twice if the CA's
# first answer was lost.
everything_is_well() { # STEP
	expect 0 everleaf renew www
	is_live_of www 1 1
	is_whole www "$trust"
	[ "$(asked order)" = 1 ] || { [ "$1" = order ] && [ "$(asked order)" = 2 ]; } ||
		fail "$(asked order) orders, killed at $1"
	[ "$(asked finalize)" -le 2 ]
	no_token_is_left
	no_fault
}

test_a_worker_that_is_killed_at_any_stage_loses_nothing() {
	local step
	for step in $stages; do
		in_the_middle_of "$step"
		kill -9 "$(role worker)"
		go_on
		everything_is_well "$step"
	done
}

test_an_agent_that_is_killed_at_any_stage_loses_nothing() {
	local step
	for step in $stages; do
		in_the_middle_of "$step"
		kill -9 "$(role agent)"
		go_on
		everything_is_well "$step"
	done
}

test_a_keeper_that_is_killed_at_any_stage_loses_nothing() {
	local step
	for step in $stages; do
		in_the_middle_of "$step"
		kill -9 "$(role keeper)"
		go_on
		everything_is_well "$step"
	done
}

test_a_run_that_is_killed_at_any_stage_is_taken_up_by_the_next() {
	local step
	for step in $stages; do
		in_the_middle_of "$step"
		kill -9 "$run"
		go_on
		everything_is_well "$step"
	done
}

test_everything_killed_at_once_at_any_stage_is_taken_up_by_the_next_run() {
	local step
	for step in $stages; do
		in_the_middle_of "$step"
		kill_everything
		go_on
		everything_is_well "$step"
	done
}

test_what_was_issued_but_not_stored_is_downloaded() {
	in_the_middle_of cert
	kill -9 "$run"
	go_on
	[ ! -e state/live/www ]
	everything_is_well cert
	is 1 "$(asked order)"
	is 1 "$(asked finalize)"
	is 2 "$(asked cert)"
}

test_tokens_that_a_crash_left_are_taken_back_even_if_nobody_wants_the_certificate_any_more() {
	in_the_middle_of challenge
	is 2 "$(find "$www" -type f | wc -l)"
	kill_everything
	go_on
	is 2 "$(find "$www" -type f | wc -l)"
	config <<-C
	certificates = ( { names = "localhost"; issuer = "local"; challenge = $(webroot); } );
	C
	expect 0 everleaf renew
	no_token_is_left
}

test_an_order_for_other_names_is_not_gone_on_with() {
	in_the_middle_of poll
	kill -9 "$run"
	go_on
	acme 'names = [ "a.example.org", "c.example.org" ];'
	expect 0 everleaf renew
	is "DNS:a.example.org DNS:c.example.org " "$(names_of www)"
	is 2 "$(asked order)"
	no_token_is_left
}

test_the_agent_goes_on_with_an_order_after_it_was_stopped() {
	start_ca <<-S
	poll 1 set status "pending"
	poll 1 header Retry-After: 4
	S
	acme
	"$BUILD/everleaf" -c everleaf.conf agent >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 grep -q '^poll 1 ' ca/log
	kill "$run"
	go_on
	"$BUILD/everleaf" -c everleaf.conf agent >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 test -e state/live/www
	kill "$run"
	go_on
	is 1 "$(asked order)"
	no_token_is_left
}

# A roll-over whose answer is lost: the CA has taken the new key, or it has not.
rolls_over() { # SCRIPT of the roll-over
	start_ca <<<"roll 1 hold stop$1"
	touch ca/stop
	acme
	expect 0 everleaf renew
	"$BUILD/everleaf" -c "$dir/everleaf.conf" account ca rollover >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 test -e ca/stop.here
	cp state/accounts/ca/account.key old.key
	kill_everything
	go_on
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is 1 "$(grep -c '"termsOfServiceAgreed"' ca/log)"
	says err "ca: a roll-over of its account was cut short"
	cmp old.key state/accounts/ca/account.key
	[ -e state/accounts/ca/next.key ]
	expect 0 everleaf account ca update
	[ ! -e state/accounts/ca/next.key ]
	expect 0 everleaf renew --force www
	no_fault
}

test_a_roll_over_that_was_taken_but_not_heard_of_is_found_out() {
	rolls_over ""
	not cmp -s old.key state/accounts/ca/account.key
}

test_a_roll_over_that_was_never_taken_leaves_the_old_key() {
	rolls_over $'\nroll 1 nothing'
	cmp old.key state/accounts/ca/account.key
}

# Before the CA is asked, while it is, and after it has taken the new key.
test_a_roll_over_is_safe_wherever_it_is_killed() {
	local step
	start_ca </dev/null
	acme
	expect 0 everleaf renew
	for step in directory nonce roll update; do
		script <<<"$step * hold stop"
		touch ca/stop
		"$BUILD/everleaf" -c "$dir/everleaf.conf" account ca rollover >run.out 2>run.err &
		run=$!
		started $run
		until_true 60 test -e ca/stop.here
		kill -9 "$run"
		rm ca/stop ca/stop.here
		go_on
		script </dev/null
		expect 0 everleaf renew --force www
		expect 0 everleaf account ca rollover
		[ ! -e state/accounts/ca/next.key ]
	done
	expect 0 everleaf renew --force www
	is 1 "$(grep -c '"termsOfServiceAgreed"' ca/log)"
	no_fault
}

run_tests "$@"
