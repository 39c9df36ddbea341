#!/bin/bash
# control: what is asked of a running agent has the same end as without one.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate] [MORE]
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; ${1-} } );
	${2-}
	C
}

# Somebody asks for a renewal, as process $person; its hook runs as long as there is a file
# `slowly`.
is_asked_slowly() {
	hook slow <<-'H'
	[ "$1" = test ] || while [ -e "$dir/slowly" ]; do touch "$dir/begun"; sleep 0.05; done
	H
	running 'hooks = "slow";' "hooks = ( $(hook_config slow) );"
	touch slowly
	"$BUILD/everleaf" -c everleaf.conf renew --force www >out 2>err &
	person=$!
	until_true 60 test -e begun
}

test_renew_does_what_it_would_do_without_an_agent() {
	running
	expect 0 everleaf renew
	is "" "$(cat out err)"
	expect 0 everleaf renew --force www
	says out "www: renewed, generation 2"
	expect 0 everleaf renew --force --all --json
	is renewed "$(json certificates.0.result <out)"
	expect 4 everleaf renew nobody
	says err "no certificate has that name"
	expect 2 everleaf renew --nonsense
	is_live_of www 3 3
	says agent.err "asked by user $(id -u) for renew: exit status 4"
	kill -0 "$(role agent)"
	stop_agent
}

test_a_renewal_that_fails_fails_for_who_asked() {
	config <<-C
	issuers = ( { name = "lab"; type = "local"; excluded = [ "bad.example.org" ]; } );
	certificates = ( { name = "bad"; names = "bad.example.org"; issuer = "lab"; },
		{ name = "www"; names = "localhost"; issuer = "lab"; } );
	C
	start_agent
	until_true 60 has_live www 1
	expect 1 everleaf renew bad
	says err "bad: failed"
	stop_agent
}

test_hooks_say_what_they_say_to_who_asked() {
	hook loud <<-'H'
	echo "hook says $1"
	H
	running 'hooks = "loud";' "hooks = ( $(hook_config loud) );"
	expect 0 everleaf -v renew --force www
	says err "hook says run"
	is 2 "$(ran loud run)"
	not grep -q "hook says run.*hook says run" agent.err
	stop_agent
}

# A pipe that nobody reads is neither the end of what was asked for nor of who does it.
test_who_does_not_listen_is_told_the_exit_status() {
	hook loud <<-'H'
	echo "hook says $1"
	H
	running 'hooks = "loud";' "hooks = ( $(hook_config loud) );"
	exec 7> >(true)
	wait $!
	everleaf -v renew --force www >&7 2>&7
	is 2 "$(live www)"
	stop_agent
	everleaf -v renew --force www >&7 2>&7
	is 3 "$(live www)"
	exec 7>&-
}

test_a_roll_back_through_the_agent_stands() {
	running
	expect 0 everleaf renew --force www
	expect 0 everleaf rollback www
	says out "www: rolled-back, generation 1"
	is 1 "$(live www)"
	expect 2 everleaf rollback www 7
	kill -USR1 $run
	until_true 60 said "looking at everything"
	expect 0 everleaf renew
	is_live_of www 1 2
	stop_agent
}

test_revoke_forget_account_and_the_CA_go_through_the_agent() {
	running
	expect 0 everleaf revoke www --replace
	says out "generation 1 is revoked"
	is_live_of www 2 2
	expect 0 everleaf ca local crl
	openssl crl -in out -noout -text | has "Serial Number"
	expect 2 everleaf account local register
	says err "not an ACME issuer"
	config <<-C
	certificates = ( { name = "other"; names = "localhost"; issuer = "local"; } );
	C
	kill -HUP $run
	until_true 60 has_live other 1
	expect 0 everleaf forget www
	says out "www: forgotten"
	[ ! -e state/live/www ]
	expect 4 everleaf forget www
	stop_agent
}

test_status_shows_the_agent_that_runs() {
	www
	is false "$(everleaf status --json | json agent.running)"
	start_agent
	until_true 60 has_live www 1
	everleaf status --json >out
	is true "$(json agent.running <out)"
	is $run "$(json agent.pid <out)"
	[ "$(date -d "$(json agent.since <out)" +%s)" -ge $(($(date +%s) - 60)) ]
	everleaf status | has "the agent runs as process $run since"
	stop_agent
	is false "$(everleaf status --json | json agent.running)"
	[ ! -e run/agent.sock ]
}

test_the_socket_is_for_the_group_alone() {
	running
	is "660 $(is_root && echo 61001 || id -g)" "$(stat -c '%a %g' run/agent.sock)"
	is "$(id -u)" "$(stat -c %u run/agent.sock)"
	stop_agent
}

test_two_who_ask_at_once_are_both_served() {
	running
	everleaf renew --force www >one.out 2>one.err &
	local one=$!
	everleaf renew --force www >two.out 2>two.err &
	local two=$!
	wait $one || fail "$(cat one.err)"
	wait $two || fail "$(cat two.err)"
	cat one.out two.out | has "generation 2"
	cat one.out two.out | has "generation 3"
	is_live_of www 3 3
	stop_agent
}

test_who_waits_for_another_is_told_so() {
	local other
	is_asked_slowly
	"$BUILD/everleaf" -c everleaf.conf renew >other.out 2>other.err &
	other=$!
	until_true 60 grep -q "the agent is at work for somebody else: waiting until it has done that" other.err
	rm slowly
	wait $person || fail "$(cat err)"
	wait $other || fail "$(cat other.err)"
	is 1 "$(wc -l <other.err)"
	stop_agent
}

test_who_goes_away_takes_the_request_along() {
	is_asked_slowly
	kill -TERM $person
	wait $person || :
	rm slowly
	until_true 60 said "for renew: exit status 1"
	until_true 60 nothing_is_pending www
	is 2 "$(live www)"
	expect 0 everleaf renew
	stop_agent
}

# What it has to say of that goes to who has asked: no signal waits for it any more.
has_heard() {
	grep -q '^ShdPnd:[[:space:]]*0*$' "/proc/$run/status"
}

test_the_end_of_the_agent_ends_what_was_asked_of_it() {
	local status=0
	is_asked_slowly
	kill -TERM $run
	until_true 60 has_heard
	rm slowly
	stop_agent
	wait $person || status=$?
	is 1 $status
	is 2 "$(live www)"
	[ ! -e run/agent.sock ]
}

is_traced() { # PID
	[ "$(awk '/^TracerPid:/ { print $2 }' "/proc/$1/status")" != 0 ]
}

# The log is what is kept meanwhile; who asks is told why not, a daemon without a log has none.
test_what_a_daemon_says_is_heard_though_a_request_could_not_begin() {
	strace -o traced true || skip "strace (Debian: strace) cannot trace here"
	running
	strace -qq -o traced -e trace=fcntl -e inject=fcntl:error=EMFILE:when=1 -p $run &
	started $!
	until_true 60 is_traced $run
	expect 1 everleaf renew --force www
	says err "keep the log: Too many open files"
	until_true 60 said "keep the log: Too many open files"
	kill %%
	expect 0 everleaf renew --force www
	until_true 60 said "for renew: exit status 0"
	is 2 "$(live www)"
	stop_agent
}

test_a_request_outlives_an_agent_that_dies() {
	is_asked_slowly
	kill -9 "$(role agent)"
	rm slowly
	wait $person || fail "$(cat err)"
	says err "the agent was killed by signal 9"
	is_live_of www 2 2
	stop_agent
}

test_a_configuration_that_comes_meanwhile_is_taken_up_afterwards() {
	is_asked_slowly
	www 'hooks = "slow"; key = "ecdsa-p384";' "hooks = ( $(hook_config slow) );"
	kill -HUP $run
	rm slowly
	wait $person || fail "$(cat err)"
	says out "generation 2"
	until_true 60 has_live www 3
	stop_agent
}

# A user who may do nothing but what members of the group may.
member() {
	setpriv --reuid 65534 --regid 61001 --clear-groups "$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"
}

running_for_a_member() { # [ARGUMENT of www...]
	is_root || skip "needs root, to be another user"
	running "$@"
	(cd / && member version) >/dev/null || skip "user 65534 cannot reach the programs"
}

test_a_member_of_the_group_sees_what_the_owner_sees() {
	running_for_a_member
	local agent what
	agent=$(role agent)
	for what in status plan history; do
		expect 0 member $what --json
		everleaf $what --json | cmp - out
		expect 0 member $what
		grep -q www out
	done
	expect 0 member status --check
	says out "OK - 1 certificate"
	expect 4 member status nobody
	says err "no certificate has that name"
	expect 4 member history nobody
	is "$agent" "$(role agent)"
	stop_agent
	expect 1 member status
	says err "state: Permission denied, and no agent shows what it holds"
}

a_look_has_failed() {
	(member crl || :) | grep -qF 'last error'
}

test_a_member_of_the_group_sees_the_lists() {
	: >ca.pem
	running_for_a_member "" "crls = ( { name = \"clients\"; url = \"file://$dir/lab.crl\"; ca = \"$dir/ca.pem\";
		files = ( { path = \"$dir/clients.crl\"; } ); } );"
	until_true 60 a_look_has_failed
	expect 1 member crl clients
	says out missing
	expect 1 member crl --json
	(everleaf crl --json || :) | cmp - out
	expect 4 member crl nobody
	says err "no CRL has that name"
	stop_agent
}

shown() { # WORDS
	grep -qF -- "$1" watched
}

test_a_member_of_the_group_watches_what_comes() {
	local watching status=0
	running_for_a_member
	setpriv --reuid 65534 --regid 61001 --clear-groups \
		"$BUILD/everleaf" -c everleaf.conf status --watch >watched 2>err </dev/null &
	watching=$!
	started $watching
	until_true 60 shown " ok "
	expect 0 everleaf renew --force www
	expect 0 everleaf rollback www
	until_true 60 shown "rolled back"
	kill -TERM $watching
	wait $watching || status=$?
	is 0 $status
	stop_agent
}

# Also while the agent does what somebody else has asked for.
test_who_looks_does_not_wait_for_who_asks() {
	is_root || skip "needs root, to be another user"
	is_asked_slowly
	(cd / && member version) >/dev/null || skip "user 65534 cannot reach the programs"
	expect 0 member status --json
	is true "$(json agent.running <out)"
	expect 0 member history www
	[ -e slowly ]
	rm slowly
	wait $person || fail "$(cat err)"
	stop_agent
}

test_a_member_of_the_group_may_renew_and_no_more() {
	local what
	running_for_a_member
	expect 0 member renew --force www
	says out "www: renewed, generation 2"
	for what in "rollback www" "revoke www" "forget www" "ca local crl" \
		"account local deactivate --yes"; do
		expect 1 member $what
		says err "only root or the owner of the state may ask for that"
	done
	is_live_of www 2 2
	stop_agent
	expect 1 member renew --force www
	says err "open the lock: Permission denied"
}

test_the_lock_without_an_agent_is_a_lock() {
	www
	expect 0 everleaf renew
	exec 9<state/lock
	flock 9
	expect 3 everleaf renew --force www
	says err "another run holds the lock"
	exec 9<&-
}

# An agent that found the lock held. (Descriptor 9 would hold it, too.)
is_kept_waiting() {
	www
	expect 0 everleaf renew
	exec 9<state/lock
	flock 9
	start_agent 9<&-
	until_true 60 said "another run holds the lock"
}

test_an_agent_waits_for_a_run_to_end() {
	is_kept_waiting
	kill -HUP $run # is for later
	exec 9<&-
	until_true 60 said "taken up"
	is 1 "$(said_times "waiting until it has ended")"
	expect 0 everleaf renew --force www
	expect 3 everleaf agent
	says err "another run holds the lock (process $run)"
	is_live_of www 2 2
	stop_agent
}

test_an_agent_that_waits_is_stopped() {
	is_kept_waiting
	stop_agent
	not test -e run/agent.sock
}

test_a_socket_that_was_removed_is_made_anew() {
	local since
	running "" "http = \"unix:$dir/run/http.sock\";"
	until_true 60 test -S run/http.sock
	since=$(everleaf status --json | json agent.since)
	sleep 1.1
	rm run/agent.sock run/http.sock
	expect 3 everleaf renew --force www
	says err "(process $run); it is an agent, and cannot be asked: $dir/run/agent.sock: No such file"
	kill -USR1 $run
	until_true 60 agent_runs
	is "$since" "$(everleaf status --json | json agent.since)"
	expect 0 everleaf renew --force www
	until_true 60 curl -sS -m 20 --unix-socket run/http.sock http://localhost/healthz
	rm -r run
	kill -HUP $run
	until_true 60 agent_runs
	is "660 2" "$(stat -c %a run/agent.sock) $(said_times "run/agent.sock: gone: made anew")"
	stop_agent
	not test -e run/agent.sock
	is_live_of www 2 2
}

run_tests "$@"
