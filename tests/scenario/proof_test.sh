#!/bin/bash
# proof: the daemon looks again and again at what is served, and what it does about it.
JOBS=${JOBS:-8}
. "$(dirname "$0")/../lib.sh"

# A server on $port that shows web.pem, and a hook that gives it what is in tls/www.pem;
# `ops` is told of what goes wrong. The daemon has got a certificate, and it is served.
served() { # [SETTINGS of the certificate] [MORE]
	mkdir tls
	placeholder "$dir/web.pem"
	start_serve "$dir/web.pem"
	echo "cp $dir/tls/www.pem $dir/web.pem; kill -HUP $server" >gives
	hook web <<-'H'
	[ "$1" = test ] || . "$dir/gives"
	H
	hook ops <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_EVENT $EVERLEAF_NAMES: $EVERLEAF_ERROR" >>"$dir/told"
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = [ "web", "ops" ];
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } );
		probe = "127.0.0.1:$port"; ${1-probe_every = \"10s\";} } );
	hooks = ( $(hook_config web),
		{ name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "failed", "not-served", "rolled-back" ]; } );
	${2-}
	C
	expect 0 everleaf renew
	is new "$(verdict)"
	: >web.ran
	start_agent
	until_true 60 test -S run/agent.sock
}

shows() { # PEM: the server shows another certificate, and nobody has said so
	cp "$1" web.pem
	kill -HUP $server
}

verdict() {
	status_of www served.0.verdict
}

is_seen() { # VERDICT HEALTH
	[ "$(verdict) $(status_of www health)" = "$1 $2" ]
}

is_failing() { # the attempt to mend it is over
	[ "$(status_of www failures)" -ge 1 ]
}

told() { # WORDS
	cat told 2>/dev/null | grep -c -- "$1" || :
}

is_told() { # WORDS
	[ "$(told "$1")" -ge 1 ]
}

has_event() { # WHAT TIMES
	[ "$(events www "$1")" -ge "$2" ]
}

nothing_is_new() {
	is_live_of www 1 1
	is null "$(status_of www held)"
	is 0 "$(events www rolled-back)"
}

test_a_server_that_lost_it_is_given_it_again() {
	served
	placeholder other.pem
	shows other.pem
	until_true 60 has_event proved 2
	is "$(live_leaf www)" "$(served_leaf "$port")"
	until_true 60 is_seen new ok
	is 1 "$(events www not-served)"
	is "1 0" "$(ran web "run installed") $(told .)"
	says agent.err "www: not-served: probe 127.0.0.1:$port: other: "
	nothing_is_new
	stop_agent
}

test_the_one_from_before_is_told_apart() {
	local old
	served
	stop_agent
	cp tls/www.pem before.pem
	old=$(live_leaf www)
	expect 0 everleaf renew --force www
	echo : >gives
	start_agent
	shows before.pem
	until_true 120 is_failing
	is "old,not served" "$(verdict),$(status_of www health)"
	is "$old" "$(status_of www served.0.fingerprint)"
	stop_agent
}

served_metric() {
	curl -sS -m 20 --unix-socket run/http.sock http://localhost/metrics |
		sed -n "s/^everleaf_certificate_served{name=\"www\",endpoint=\"127.0.0.1:$port\"} //p"
}

test_a_hook_that_is_of_no_use_is_run_once_and_that_is_told_once() {
	served 'probe_every = "10s";' "http = \"unix:$dir/run/http.sock\";"
	echo : >gives
	placeholder other.pem
	shows other.pem
	until_true 120 is_told "^not-served www: probe 127.0.0.1:.*: other: "
	until_true 60 is_failing
	is "other,not served" "$(verdict),$(status_of www health)"
	is 1 "$(ran web "run installed")"
	until_true 60 is_told ^failed
	is "1 1" "$(told ^failed) $(told ^not-served)"
	is 0 "$(served_metric)"
	nothing_is_new
	expect 0 everleaf status www
	says out "not served by 127.0.0.1:"
	shows tls/www.pem # by hand
	until_true 60 is_seen new ok
	is "0 null" "$(status_of www failures) $(status_of www last_error)"
	is 1 "$(served_metric)"
	shows other.pem # that is another time
	is_told_anew() { [ "$(told ^failed) $(told ^not-served)" = "2 2" ]; }
	until_true 120 is_told_anew
	stop_agent
}

test_a_server_that_is_down_is_told_and_left_alone() {
	served
	kill -USR1 $server
	until_true 60 is_told "^not-served www: probe 127.0.0.1:.*: down: "
	until_true 60 is_seen down down
	is 1 "$(everleaf status --check | grep -c "WARNING.*www: down")"
	kill -USR2 $server
	until_true 60 is_seen new ok
	is "0 1" "$(ran web "run installed") $(told .)"
	nothing_is_new
	stop_agent
}

test_it_is_looked_at_now_if_everything_is_to_be() {
	served 'probe_every = "365d";'
	placeholder other.pem
	shows other.pem
	kill -USR1 $run
	until_true 60 has_event proved 2
	is "$(live_leaf www)" "$(served_leaf "$port")"
	stop_agent
}

test_a_run_that_ends_by_itself_does_not_look() {
	served
	stop_agent
	placeholder other.pem
	shows other.pem
	expect 0 everleaf renew
	is new "$(verdict)"
	is 0 "$(ran web "run installed")"
}

test_what_was_seen_last_is_known_when_nobody_runs() {
	served
	echo : >gives
	kill -USR1 $server
	until_true 60 is_seen down down
	stop_agent
	is "down,down" "$(verdict),$(status_of www health)"
	sed -i "s/probe = \"[^\"]*\"/probe = \"127.0.0.1:1\"/" everleaf.conf
	is '[]' "$(status_of www served)" # it has that endpoint no more
}

test_nobody_wakes_between_two_looks() {
	local before
	served 'probe_every = "365d";'
	rests() {
		before=$(grep -h voluntary /proc/{"$(role agent)","$(role keeper)"}/status)
		sleep 2
		[ "$before" = "$(grep -h voluntary /proc/{"$(role agent)","$(role keeper)"}/status)" ]
	}
	kill -USR1 $run
	until_true 60 said "looking at everything"
	until_true 60 rests
	not has_role probe
	stop_agent
}

# The programs in a folder of their own, where they can be replaced.
own_programs() {
	mkdir bin
	cp "$BUILD"/everleaf "$BUILD"/everleaf-* bin
	BUILD=$dir/bin
}

# As a package does it: each by a new file, of the same version or another.
replaced() { # [VERSION [PROGRAM]]
	local program version=$(everleaf version | sed -n '1s/everleaf //p')
	for program in ${2-bin/everleaf*}; do
		LC_ALL=C sed "s/${version//./\\.}/${1-$version}/g" "$program" >new
		chmod 755 new
		mv new "$program"
	done
}

test_the_next_version_takes_over_once_a_role_of_it_was_needed() {
	local got=0
	own_programs
	served
	replaced 9.8.7
	is "everleaf 9.8.7" "$(everleaf version | head -n 1)"
	wait $run || got=$?
	is "1 1" "$got $(said_times "were replaced")"
	is "0 0" "$(said_times "starting again") $(stat -c %s state/lock)"
	[ ! -e run/agent.sock ]
	start_agent
	until_true 60 agent_runs
	kill -HUP $run # with what it is now
	until_true 60 said "taken up"
	until_true 60 is_seen new ok
	is 0 "$(events www not-served)"
	nothing_is_new
	stop_agent
}

test_the_same_version_in_its_place_is_gone_on_with() {
	local was
	own_programs
	served
	replaced
	was=$(role agent)
	kill -HUP $run
	until_true 60 said "taken up"
	until_true 60 [ ! -e "/proc/$was" ]
	until_true 60 agent_runs
	kill -KILL "$(role agent)"
	until_true 60 said "starting again"
	until_true 60 agent_runs
	until_true 60 is_seen new ok
	is "0 0" "$(said_times "were replaced") $(events www not-served)"
	stop_agent
}

# It may be the answer of one that a server has taken over, and is no reason to end.
test_one_role_that_will_not_begin_is_said_and_the_rest_goes_on() {
	own_programs
	cp bin/everleaf-probe before
	served
	replaced 9.8.7 bin/everleaf-probe
	until_true 60 said "everleaf-probe is of another version than this program"
	cp before new
	mv new bin/everleaf-probe
	kill -USR1 $run
	until_true 60 is_seen new ok
	is "0 0" "$(said_times "were replaced") $(events www not-served)"
	stop_agent
}

run_tests "$@"
