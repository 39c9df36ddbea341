#!/bin/bash
# kill: a role, the supervisor or the whole run is killed while a hook runs. (At every
# system call: tests/crash.)
. "$(dirname "$0")/../lib.sh"

# A run of everleaf as process $run, in the middle of its hook, which goes on as long as
# $dir/hold is there.
in_the_hook() { # ARGUMENT...
	touch hold
	: >web.ran
	"$BUILD/everleaf" -c "$dir/everleaf.conf" "$@" >run.out 2>run.err &
	run=$!
	started $run
	until_true 60 grep -q run web.ran
}

www() {
	hook web <<-'H'
	while [ "$1" = run ] && [ -e "$dir/hold" ]; do sleep 0.05; done
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web"; } );
	hooks = ( $(hook_config web "${1-}") );
	C
	expect 0 everleaf renew
}

ends_with() { # STATUS: the run does
	local got=0
	wait "$run" || got=$?
	cat run.out run.err
	is "$1" $got
}

everything_holds() {
	is_live_of www 2 2
	is '[]' "$(status_of www hooks_pending)"
	is null "$(status_of www last_error)"
	is ok "$(status_of www health)"
	is "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" \
		"$(openssl pkey -in state/live/www/privkey.pem -pubout)"
}

test_a_hook_that_the_supervisor_did_not_see_end_is_run_again() {
	www
	in_the_hook renew --force www
	kill -9 "$run"
	no_role_is_left
	rm hold
	is '["web"]' "$(status_of www hooks_pending)"
	expect 0 everleaf renew
	[ "$(ran web run)" -ge 2 ]
	everything_holds
}

# What was not served is live: the hook runs for it once more, and nothing is installed.
test_a_hook_that_is_run_again_for_what_is_not_served_goes_on_with_that() {
	mkdir tls
	placeholder "$dir/tls/www.pem"
	start_serve "$dir/tls/www.pem"
	hook web <<-H
	[ "\$1" != run ] || kill -HUP $server
	while [ "\$1" = run ] && [ -e "$dir/hold" ]; do sleep 0.05; done
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web"; probe = "127.0.0.1:$port";
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } ); } );
	hooks = ( $(hook_config web) );
	C
	expect 0 everleaf renew
	remember "UPDATE certificate SET flags = flags | 64, sum = NULL"
	is "not served" "$(status_of www health)"
	in_the_hook renew
	is idle "$(status_of www state)"
	kill -9 "$run" "$(role keeper)" "$(role agent)"
	no_role_is_left
	rm hold
	is idle "$(status_of www state)"
	is '["web"]' "$(status_of www hooks_pending)"
	expect 0 everleaf renew
	is 1 "$(events www installed)"
	is_live_of www 1 1
	is ok "$(status_of www health)"
	is '[]' "$(status_of www hooks_pending)"
}

test_an_agent_that_is_killed_is_started_again_and_the_run_succeeds() {
	www
	in_the_hook renew --force www
	kill -9 "$(role agent)"
	until_true 60 grep -q "starting again" run.err
	rm hold
	ends_with 0
	everything_holds
	[ "$(ran web run)" -ge 1 ]
}

test_a_keeper_that_is_killed_is_started_again_and_the_run_succeeds() {
	www
	in_the_hook renew --force www
	kill -9 "$(role keeper)"
	until_true 60 grep -q "starting again" run.err
	rm hold
	ends_with 0
	everything_holds
}

test_agent_and_keeper_killed_together_are_started_again() {
	www
	in_the_hook renew --force www
	kill -9 "$(role keeper)" "$(role agent)"
	until_true 60 grep -q "starting again" run.err
	rm hold
	ends_with 0
	everything_holds
}

test_everything_killed_at_once_leaves_a_whole_pair_and_the_next_run_goes_on() {
	www
	in_the_hook renew --force www
	kill -9 "$run" "$(role keeper)" "$(role agent)"
	rm hold
	no_role_is_left
	expect 0 everleaf renew
	everything_holds
}

test_a_run_that_is_asked_to_end_lets_its_hook_finish() {
	www
	in_the_hook renew --force www
	kill -TERM "$run"
	sleep 0.3
	rm hold
	until_true 60 gone
	expect 0 everleaf renew
	expect 0 everleaf renew www
	everything_holds
	is 1 "$(ran web run)"
}

test_a_run_that_is_asked_to_end_does_so_within_10_seconds() {
	local begin
	www
	in_the_hook renew --force www
	begin=$SECONDS
	kill -TERM "$run"
	until_true 60 gone
	[ $((SECONDS - begin)) -le 12 ]
	rm hold
	is '["web"]' "$(status_of www hooks_pending)"
	expect 0 everleaf renew www
	everything_holds
}

gone() {
	! kill -0 "$run" 2>/dev/null
}

test_a_roll_back_by_hand_that_was_cut_short_is_finished() {
	www
	expect 0 everleaf renew --force www
	in_the_hook rollback www
	kill -9 "$run"
	no_role_is_left
	rm hold
	: >web.ran
	expect 0 everleaf renew www
	is_live_of www 1 2
	is '[]' "$(status_of www hooks_pending)"
	[ "$(ran web run)" -ge 1 ]
	expect 0 everleaf renew
	is_live_of www 1 2
}

# All in one second, which is what the history knows of it: a run is known by its number.
test_what_a_forced_run_has_brought_to_its_end_is_not_done_again_when_a_role_dies() {
	hook web <<-'H'
	while [ "$EVERLEAF_EVENT" = failed ] && [ -e "$dir/hold" ]; do sleep 0.05; done
	H
	hook bad <<-'H'
	[ ! -e "$dir/hold" ]
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; },
		{ name = "b"; names = "b.example.org"; issuer = "local"; hooks = [ "web", "bad" ]; } );
	hooks = ( $(hook_config web 'on = "failed";'), { name = "bad"; run = [ "$dir/bad", "run" ]; } );
	C
	expect 0 everleaf renew
	in_the_hook renew --force --all
	kill -9 "$(role agent)"
	rm hold
	ends_with 0
	is_live_of www 2 2
	is_live_of b 2 2
	expect 0 everleaf renew --force www
	is_live_of www 3 3
}

test_a_second_run_beside_a_first_one_ends_with_3() {
	www
	in_the_hook renew --force www
	expect 3 everleaf renew
	says err "process $run"
	expect 3 everleaf rollback www
	expect 0 everleaf status
	expect 0 everleaf plan
	rm hold
	wait "$run"
	everything_holds
}

run_tests "$@"
