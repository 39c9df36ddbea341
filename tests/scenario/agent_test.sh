#!/bin/bash
# agent: the daemon, from its start to its end: what it does by itself, and on signals.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate] [MORE]
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; ${1-} } );
	${2-}
	C
}

test_it_gets_what_is_missing_stays_and_ends_when_asked_to() {
	www
	start_agent
	until_true 60 has_live www 1
	kill -0 $run
	expect 0 everleaf status www
	stop_agent
	is_live_of www 1 1
	[ ! -s state/lock ]
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_configuration_that_is_valid_is_taken_up() {
	local keeper
	www
	start_agent
	until_true 60 has_live www 1
	keeper=$(role keeper)
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; },
		{ name = "other"; names = "other.example.org"; issuer = "local"; } );
	C
	kill -HUP $run
	until_true 60 has_live other 1
	not test -e "/proc/$keeper"
	stop_agent
	is_live_of www 1 1
	is_live_of other 1 1
}

test_one_that_is_not_valid_is_refused_and_the_old_one_stays() {
	www
	start_agent
	until_true 60 has_live www 1
	local agent=$(role agent)
	echo 'certificates = ( { names = "localhost"; isuer = "local"; } );' >everleaf.conf
	kill -HUP $run
	until_true 60 said 'stays in force'
	says agent.err "isuer"
	kill -0 "$agent"
	www
	stop_agent
}

test_what_is_wrong_with_a_new_one_stands_in_the_log_in_its_form() {
	local form word
	for form in json logfmt; do
		www "" "log = { format = \"$form\"; };"
		start_agent
		until_true 60 has_live www 1
		echo 'certificates = ( { names = "localhost"; isuer = "local"; },' >everleaf.conf
		echo '{ names = "b.example"; kye = "rsa"; } );' >>everleaf.conf
		kill -HUP $run
		until_true 60 said 'stays in force'
		grep 'everleaf.conf:' agent.err >wrong
		for word in 'everleaf.conf:1: certificates.localhost.isuer: ' 'everleaf.conf:2: certificates.b.example.kye: '; do
			is 1 "$(grep -cF "$word" wrong)"
		done
		case $form in
		json) not grep -v '^{"ts":"[^"]*","level":"[a-z]*","role":"[a-z]*","msg":".*"}$' wrong ;;
		logfmt) not grep -v '^ts=[^ ]* level=[a-z]* role=[a-z]* msg=".*"$' wrong ;;
		esac
		www
		stop_agent
		rm -r state # the next one begins when there is another
	done
}

test_places_that_it_holds_are_not_given_up_while_it_runs() {
	www
	start_agent
	until_true 60 has_live www 1
	sed -i "s|$dir/state|$dir/elsewhere|" everleaf.conf
	kill -HUP $run
	until_true 60 said 'stop the agent and start it again'
	[ ! -e elsewhere ]
	stop_agent
}

test_it_looks_at_everything_when_it_is_asked_to() {
	mkdir out
	www "files = ( { path = \"$dir/out/www.pem\"; content = \"combined\"; } );"
	start_agent
	until_true 60 test -s out/www.pem
	cp -p out/www.pem before
	echo broken >out/www.pem
	kill -USR1 $run
	until_true 60 cmp -s before out/www.pem
	stop_agent
	is_live_of www 1 1
}

test_a_storm_of_signals_does_not_keep_it_from_its_work() {
	local i
	config <<-C
	certificates = ( $(for i in {1..30}; do
		echo "{ name = \"c$i\"; names = \"c$i.example.org\"; key = \"rsa-2048\"; issuer = \"local\"; }$([ $i = 30 ] || echo ,)"
	done) );
	C
	start_agent
	until_true 60 test -e state/agent
	for i in {1..100}; do
		kill -HUP $run
		sleep 0.05
	done
	n_are_live() { [ "$(ls state/live | wc -l)" -ge "$1" ]; }
	for i in {1..30}; do # a key of RSA takes seconds where a busy machine sanitizes
		until_true 60 n_are_live $i
	done
	stop_agent
	for i in {1..30}; do
		is_live_of c$i 1 1
	done
}

test_what_must_not_be_cut_is_finished_before_it_ends() {
	hook slow <<-'H'
	[ "$1" = test ] || {
		touch "$dir/begun"
		until grep -q "asked to end" "$dir/agent.err"; do sleep 0.05; done
		sleep 1
		touch "$dir/finished"
	}
	H
	www 'hooks = "slow";' "hooks = ( $(hook_config slow) );"
	start_agent
	until_true 60 test -e begun
	stop_agent
	[ -e finished ]
	is 1 "$(ran slow run)"
	expect 0 everleaf renew
	is 1 "$(ran slow run)"
}

test_it_ends_within_ten_seconds_whatever_a_hook_does() {
	local begun
	hook endless <<-'H'
	[ "$1" = test ] || { touch "$dir/begun"; exec sleep 100; }
	H
	www 'hooks = "endless";' "hooks = ( $(hook_config endless) );"
	start_agent
	until_true 60 test -e begun
	begun=$(date +%s%N)
	stop_agent # as it was asked to, so it has not failed
	[ $((($(date +%s%N) - begun) / 1000000)) -lt 10000 ] || fail "it took longer"
	says agent.err "not everything could be finished"
	[ -s state/lock ] # and the next run sweeps
	is "1 [\"endless\"]" "$(live www) $(status_of www hooks_pending)"
}

test_a_hook_that_runs_outlives_another_configuration() {
	hook slow <<-'H'
	[ "$1" = test ] || { touch "$dir/begun"; sleep 3; touch "$dir/finished"; }
	H
	www 'hooks = "slow";' "hooks = ( $(hook_config slow) );"
	start_agent
	until_true 60 test -e begun
	www 'hooks = "slow"; keep = 2;' "hooks = ( $(hook_config slow) );"
	kill -HUP $run
	until_true 60 test -e finished
	until_true 60 said 'taken up'
	until_true 60 nothing_is_pending www
	stop_agent
	is 1 "$(ran slow run)"
}

test_a_role_that_dies_is_started_again() {
	local r n=0
	www
	start_agent
	until_true 60 has_live www 1
	for r in agent keeper; do
		kill -9 "$(role $r)"
		n=$((n + 1))
		until_true 60 said "starting again from disk" $n
		until_true 60 has_role agent
		until_true 60 has_role keeper
		says agent.err "the $r was killed by signal 9"
	done
	stop_agent
	is_live_of www 1 1
}

run_tests "$@"
