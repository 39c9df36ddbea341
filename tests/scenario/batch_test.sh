#!/bin/bash
# batch: more certificates than there are jobs at once are due together, and have one run
# of each hook.
. "$(dirname "$0")/../lib.sh"

MANY=130 # twice as many as are on their way at once, and some

hosts() {
	hook one <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_COUNT" >>"$dir/one.count"
	while [ -e "$dir/hold.$1" ]; do sleep 0.05; done
	H
	hook two <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_COUNT" >>"$dir/two.count"
	H
	config <<-C
	defaults = { issuer = "local"; hooks = [ "one", "two" ]; };
	certificates = ( $(seq -f '{ names = "c%g.example.org"; }' -s ', ' $MANY) );
	hooks = ( $(hook_config one), $(hook_config two) );
	C
}

# A disk may be so slow that nothing comes for 2 s, or not all of it within 30 s.
was_slow() {
	everleaf history --json | tr '{' '\n' | grep '"event": *"issued"' |
		sed 's/.*"at": *"\([^"]*\)".*/\1/' | date -f - +%s | sort -n |
		awk 'NR == 1 { first = last = $1 }
			$1 - last > 1 { gap = 1 } { last = $1 }
			END { exit !(gap || last - first > 27) }'
}

runs_of_each_are() { # NUMBER COUNT: how often, and for how many the last one was
	local name
	for name in one two; do
		[ "$1 $2" = "$(ran $name run) $(tail -n 1 $name.count)" ] || ! was_slow ||
			skip "this disk is too slow for one batch"
		is "$1 for $2" "$(ran $name run) for $(tail -n 1 $name.count)"
	done
}

# Each is live, and was issued so often: what was stored is not forgotten.
all_live() { # TIMES
	is "$MANY" "$(readlink state/live/c* | grep -c /000000000)"
	is $((MANY * $1)) "$(issued)"
	everleaf status --json | has_no '"hooks_pending": *\["'
}

issued() { # how often, as it is remembered
	everleaf history --json | grep -o '"issued"' | wc -l
}

remembered() { # NUMBER: as many, at least
	[ "$(issued)" -ge "$1" ]
}

begin() { # ARGUMENT...: a run as process $run
	"$BUILD/everleaf" -c "$dir/everleaf.conf" "$@" >run.out 2>run.err &
	run=$!
	started $run
}

test_what_is_due_at_once_has_one_run_of_each_hook() {
	hosts
	expect 0 everleaf renew
	runs_of_each_are 1 $MANY
	is 2 "$(ran one test)"
	all_live 1
	expect 0 everleaf renew --force --all
	runs_of_each_are 2 $MANY
	all_live 2
}

test_the_daemon_switches_what_is_due_at_once_together() {
	hosts
	start_agent
	until_true 120 has_live c1.example.org 1
	until_true 60 nothing_is_pending c1.example.org
	runs_of_each_are 1 $MANY
	stop_agent
	all_live 1
}

test_what_was_stored_before_a_crash_is_installed_and_not_issued_again() {
	local before
	hosts
	touch hold.test
	begin renew
	until_true 120 grep -q test one.ran
	until_true 60 remembered 60
	kill -9 $run
	no_role_is_left
	before=$(issued)
	is 0 "$(ls state/live | wc -l)"
	rm hold.test
	expect 0 everleaf renew
	runs_of_each_are 1 $MANY
	all_live 1
	[ "$(readlink state/live/c* | grep -c '/0000000001$')" -ge "$before" ]
}

test_hooks_of_a_batch_that_a_crash_cut_short_are_run_for_all_of_it() {
	hosts
	touch hold.run
	begin renew
	until_true 120 grep -q run one.ran
	kill -9 $run
	no_role_is_left
	[ -s one.count ] && [ ! -e two.count ]
	rm hold.run one.ran
	expect 0 everleaf renew
	runs_of_each_are 1 $MANY
	all_live 1
}

run_tests "$@"
