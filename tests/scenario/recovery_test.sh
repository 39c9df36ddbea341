#!/bin/bash
# recovery: a role of the daemon is killed in each state of a job. Every step that was
# pending is taken up again: ordered once, nothing lost, no hook owed. (A run, and each
# stage of an order: acme_kill_test, kill_test; each system call: tests/crash.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# -- what a job is held by --

# One certificate, of which everything is used: a CA, a responder, a hook, a server. What
# holds them are files: stop the CA's answer, hold the hook, old for a server that goes on
# with what it had.
set_up() { # SETTINGS of the certificate
	free_port
	way=$(by_listening "127.0.0.1:$port")
	start_ca </dev/null
	placeholder "$dir/www.pem"
	start_serve "$dir/www.pem"
	hook web <<-H
	[ "\$1" = test ] || {
		touch "\$dir/begun"
		while [ -e "\$dir/hold" ]; do sleep 0.05; done
		[ -e "\$dir/old" ] || kill -HUP $server
	}
	H
	acme "names = \"localhost\"; hooks = \"web\"; probe = \"localhost:$port\"; ${1-}
		files = ( { path = \"$dir/www.pem\"; content = \"combined\"; } );"
	echo "hooks = ( $(hook_config web) );" >>everleaf.conf
}

# A daemon that has nothing yet, and an order of it at the CA, which is done with it up to
# STEP and holds back the answer.
begin() { # [STEP]
	rm -rf state run ca/stop ca/stop.here begun hold old web.ran
	placeholder "$dir/www.pem"
	kill -HUP "$server"
	before=$(asked order)
	script <<<"${1-nothing} * hold stop"
	[ -z "${1-}" ] || touch ca/stop
	start_agent
	[ -z "${1-}" ] || until_true 60 test -e ca/stop.here
}

# Who is not to get on before it has struck, and does then: not everywhere by itself.
hold_back() { # PID...
	held=$*
	kill -STOP "$@" || :
}

# The supervisor is followed by another; the others it starts anew itself. A probe that has
# nothing to do may be gone by then.
strike() { # ROLE
	case $1 in
	supervisor)
		kill -9 "$run"
		wait "$run" || :
		;;
	probe) kill -9 "$(has_role probe)" || : ;;
	*) kill -9 "$(role "$1")" ;;
	esac
	[ -z "${held-}" ] || kill -CONT $held 2>/dev/null || :
	held=
	[ "$1" = supervisor ] || return 0
	until_true 60 no_role_is_left
	start_agent
}

is_proven() { # asked gently: it costs a process for each role
	sleep 0.2
	[ "$(status_of www health)" = ok ] && nothing_is_pending www
}

# The end of each: all has come to be, once, and by itself; but a worker that dies is an
# attempt that has failed, which is made again after minutes: here by name.
all_is_well() { # ROLE
	local failed=0
	if [ "$1" = worker ]; then
		failed=1
		until_true 60 has_failed
		expect 0 everleaf renew www
	fi
	until_true 60 has_live www 1
	until_true 60 is_proven
	is "$1: 1 order, $failed failed" \
		"$1: $(($(asked order) - before)) order, $(events www failed) failed"
	is 1 "$(events www issued)"
	is_whole www "$trust"
	[ "$(ran web run)" -ge 1 ]
	is "$(live_leaf www)" "$(leaf_of www.pem)"
	is "$(live_leaf www)" "$(served_leaf "$(sed 's/ready //' serve.out)")"
	stop_agent
	no_fault
}

has_failed() {
	[ "$(events www failed)" = 1 ]
}

for_each() { # FUNCTION ROLE...: those that are there in the state that it leads to
	local state=$1 r
	shift
	for r; do
		"$state" "$r"
		all_is_well "$r"
	done
}

# -- the states --

idle() {
	begin
	until_true 60 has_live www 1
	until_true 60 is_proven
	strike "$1"
}

test_idle() {
	set_up
	for_each idle supervisor agent keeper probe
}

# A child of the keeper makes it, which is stopped. If it comes at once nevertheless, it is
# killed a state later.
keying() {
	begin
	until_true 60 is_at_work
	hold_back $(makers)
	strike "$1"
}

makers() {
	cat "/proc/$(has_role keeper)/task/"*/children
}

is_at_work() {
	[ -n "$(makers)" ] || has_live www 1
}

test_keying() {
	set_up 'key = "rsa-3072";'
	for_each keying supervisor agent keeper
}

ordering() {
	begin finalize
	strike "$1"
	rm ca/stop
}

test_ordering() {
	set_up
	for_each ordering supervisor agent keeper worker
}

answering() {
	begin challenge
	strike "$1"
	rm ca/stop
}

test_ordering_while_the_challenge_is_to_be_seen() {
	set_up
	for_each answering supervisor agent keeper responder
}

parked() {
	begin
	script <<-S
	poll * set status "processing"
	poll * header Retry-After: 2
	S
	polled=$(asked poll)
	until_true 60 is_polled
	strike "$1"
	script </dev/null
}

is_polled() {
	[ "$(asked poll)" -gt "$polled" ]
}

test_parked() {
	set_up
	for_each parked supervisor agent keeper
}

# Whoever is to do the next step is stopped before the certificate comes.
held_up() { # WHO ROLE
	begin cert
	hold_back "$(role "$1")"
	rm ca/stop
	sleep 0.2 # the answer has come by then; if not, it is killed a state earlier
	strike "$2"
}

verifying() {
	held_up agent "$1"
}

installing() {
	held_up keeper "$1"
}

test_verifying() {
	set_up
	for_each verifying supervisor agent keeper
}

test_installing() {
	set_up
	for_each installing supervisor agent keeper
}

hooking() {
	begin
	touch hold
	until_true 60 test -e begun
	strike "$1"
	rm hold
}

test_hooking() {
	set_up
	for_each hooking supervisor agent keeper probe
}

probing() {
	begin
	touch old
	until_true 60 said "www: hooked"
	strike "$1"
	rm old
	kill -HUP "$server"
}

test_probing() {
	set_up
	for_each probing supervisor agent keeper probe
}

# -- what is not taken up at once --

test_a_probe_that_dies_again_is_no_proof() {
	set_up
	begin
	touch old
	until_true 60 said "www: hooked"
	until_true 60 has_failed_without_a_probe
	everleaf history www | has "could not be looked at: the other role is gone"
	is "[]" "$(status_of www served)"
	is_live_of www 1 1
	rm old
	expect 0 everleaf renew www
	is_proven
	stop_agent
}

has_failed_without_a_probe() {
	kill -9 "$(has_role probe)" || :
	has_failed
}

# What a person asks for does not wait for the end of a back-off, nor does what is left of
# it.
test_what_a_person_began_is_gone_on_with() {
	set_up
	script <<<'order 1 problem serverInternal no'
	start_agent
	until_true 60 has_failed
	touch hold
	everleaf renew www >out 2>err || : &
	until_true 60 test -e begun
	strike supervisor
	rm hold
	until_true 60 is_proven
	is 1 "$(events www failed)"
	stop_agent
}

run_tests "$@"
