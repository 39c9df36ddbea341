#!/bin/bash
# probe: what is served decides. Most of these wait for a server that never comes round;
# they wait beside each other.
JOBS=${JOBS:-12}
. "$(dirname "$0")/../lib.sh"

# A server on $port with a placeholder in tls/www.pem; the hook `web` runs $dir/on-installed
# and $dir/on-rolled-back, which reload it unless a case says otherwise.
service() { # [PROBE, with PORT in it] [SETTINGS of the hook]
	local probe=${1:-'"127.0.0.1:PORT"'}
	mkdir tls
	placeholder "$dir/tls/www.pem"
	start_serve "$dir/tls/www.pem"
	echo "kill -HUP $server" >on-installed
	echo "kill -HUP $server" >on-rolled-back
	hook web <<-'H'
	[ "$1" = test ] || . "$dir/on-$EVERLEAF_EVENT"
	H
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; hooks = "web";
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } );
		probe = ${probe//PORT/$port}; } );
	hooks = ( $(hook_config web "${2-}") );
	C
}

test_new_is_proof() {
	service
	expect 0 everleaf renew
	is 1 "$(events www proved)"
	is new "$(status_of www served.0.verdict)"
	is "127.0.0.1:$port" "$(status_of www served.0.endpoint)"
	is "$(live_leaf www)" "$(status_of www served.0.fingerprint)"
	is "$(live_leaf www)" "$(served_leaf "$port")"
}

test_a_server_that_takes_its_time_is_waited_for() {
	service
	expect 0 everleaf renew
	echo "(sleep 3; kill -HUP $server) >/dev/null 2>&1 &" >on-installed
	expect 0 everleaf renew --force www
	is new "$(status_of www served.0.verdict)"
	is_live_of www 2 2
}

# A worker that never lets go of the old certificate.
test_old_runs_the_hook_twice_then_alarms_and_keeps_the_new_set() {
	local old
	service
	expect 0 everleaf renew
	old=$(live_leaf www)
	echo : >on-installed
	: >web.ran
	expect 1 everleaf renew --force www
	is 2 "$(ran web "run installed")"
	is 0 "$(ran web "run rolled-back")"
	is_live_of www 2 2
	is old "$(status_of www served.0.verdict)"
	is "$old" "$(status_of www served.0.fingerprint)"
	is "not served" "$(status_of www health)"
	is null "$(status_of www held)"
	is "$(live_leaf www)" "$(leaf_of tls/www.pem)"
	expect 1 everleaf status --check
	echo "kill -HUP $server" >on-installed
	expect 0 everleaf renew www
	is_live_of www 2 2
	is new "$(status_of www served.0.verdict)"
}

test_each_name_that_an_address_is_asked_for_has_a_row_of_its_own() {
	service '( { connect = "127.0.0.1:PORT"; name = "a.localhost"; }, "127.0.0.1:PORT",
		{ connect = "127.0.0.1:PORT"; name = "b.localhost"; } )'
	expect 0 everleaf renew
	is "[127.0.0.1:$port][127.0.0.1:$port (a.localhost)][127.0.0.1:$port (b.localhost)]" \
		"$(everleaf status --json | python3 -c 'import json, sys
print("".join("[%s]" % s["endpoint"] for s in json.load(sys.stdin)["certificates"][0]["served"]))')"
	is new "$(status_of www served.2.verdict)"
}

# Clients fail there, and neither another certificate nor another reload would help.
test_a_leaf_without_its_chain_is_said_and_nothing_is_done() {
	local live=$dir/state/live/www
	placeholder "$dir/web.pem"
	start_serve "$dir/web.pem"
	hook web <<-'H'
	[ "$1" = test ] || . "$dir/gives"
	H
	hook ops <<-'H'
	[ "$1" = test ] || echo "$EVERLEAF_EVENT $EVERLEAF_NAMES: $EVERLEAF_ERROR" >>"$dir/told"
	H
	config <<-C
	issuers = ( { name = "lab"; type = "local"; intermediate = true; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; hooks = [ "web", "ops" ];
		probe = "127.0.0.1:$port"; } );
	hooks = ( $(hook_config web), { name = "ops"; run = [ "$dir/ops", "run" ]; on = [ "not-served", "failed" ]; } );
	C
	echo "cat $live/cert.pem $live/privkey.pem >$dir/web.pem; kill -HUP $server" >gives
	expect 0 everleaf renew
	says err "www: 127.0.0.1:$port serves no chain: clients that do not know the CA in between refuse it"
	is "new wrong chain" "$(status_of www served.0.verdict) $(status_of www health)"
	status_of www served.0.detail | has "without its chain"
	expect 0 everleaf status
	says out "the wanted certificate, without"
	expect 0 everleaf plan
	says out "served without its chain"
	expect 1 everleaf status --check
	expect 0 everleaf renew www
	is "" "$(cat out err)"
	echo "cat $live/cert.pem $live/privkey.pem $dir/other.pem >$dir/web.pem; kill -HUP $server" >gives
	placeholder other.pem
	expect 0 everleaf renew --force www
	status_of www served.0.detail | has "with another chain"
	is "1 1" "$(wc -l <told) $(events www chain)"
	says told "not-served www: 127.0.0.1:$port serves no chain"
	echo "cat $live/fullchain.pem $live/privkey.pem >$dir/web.pem; kill -HUP $server" >gives
	expect 0 everleaf renew --force www
	is "new ok" "$(status_of www served.0.verdict) $(status_of www health)"
	is_live_of www 3 3
	is 0 "$(events www rolled-back)"
}

# Each has the half minute that all have, not one of its own after the others'.
test_endpoints_that_stay_old_do_not_hold_each_other_up() {
	local n list='' begun
	for n in 1 2 3 4 5 6 7 8; do
		list+="${list:+, }{ connect = \"127.0.0.1:PORT\"; name = \"n$n.localhost\"; }"
	done
	service "( $list )"
	expect 0 everleaf renew
	echo : >on-installed
	: >web.ran
	begun=$SECONDS
	expect 1 everleaf renew --force www
	[ $((SECONDS - begun)) -lt 100 ] || fail "it took $((SECONDS - begun)) s"
	is 2 "$(ran web "run installed")"
	is old "$(status_of www served.0.verdict)"
}

test_old_that_comes_round_at_the_second_run_of_the_hook_is_proof() {
	service
	expect 0 everleaf renew
	echo "[ -e \$dir/once ] && kill -HUP $server; touch \$dir/once" >on-installed
	: >web.ran
	expect 0 everleaf renew --force www
	is 2 "$(ran web "run installed")"
	is_live_of www 2 2
	is new "$(status_of www served.0.verdict)"
}

test_other_is_an_alarm_and_keeps_the_new_set() {
	service
	expect 0 everleaf renew
	placeholder other.pem
	echo "cp $dir/other.pem $dir/tls/www.pem; kill -HUP $server; sleep 0.2" >on-installed
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is other "$(status_of www served.0.verdict)"
	is "$(leaf_of other.pem)" "$(status_of www served.0.fingerprint)"
	is null "$(status_of www held)"
}

test_down_that_was_up_is_rolled_back_and_held() {
	local old
	service
	expect 0 everleaf renew
	old=$(live_leaf www)
	echo "kill -USR1 $server" >on-installed
	echo "kill -HUP $server; kill -USR2 $server" >on-rolled-back
	: >web.ran
	expect 1 everleaf renew --force www
	says err down
	is 1 "$(ran web "run installed")"
	is 1 "$(ran web "run rolled-back")"
	is_live_of www 1 2
	is 2 "$(status_of www held)"
	is "$old" "$(leaf_of tls/www.pem)"
	is "$old" "$(served_leaf "$port")"
	echo "kill -HUP $server" >on-installed
	expect 0 everleaf renew www
	is_live_of www 2 2
	is "$(live_leaf www)" "$(served_leaf "$port")"
}

test_down_that_was_down_before_is_no_reason_to_go_back() {
	service
	expect 0 everleaf renew
	kill -USR1 $server
	until_true 60 down
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is null "$(status_of www held)"
	is down "$(status_of www served.0.verdict)"
	kill -USR2 $server
	expect 0 everleaf renew www
	is_live_of www 2 2
}

down() {
	! openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null
}

test_down_with_on_failure_keep_is_not_rolled_back() {
	service '' 'on_failure = "keep";'
	expect 0 everleaf renew
	echo "kill -USR1 $server" >on-installed
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is null "$(status_of www held)"
	is down "$(status_of www served.0.verdict)"
}

# The old certificate is no surprise where a hook has not run: a glance has to do, and
# the hook that works is not run again for it.
test_one_failing_hook_of_two_costs_seconds_and_the_other_runs_once() {
	local begin
	service
	hook bad <<<'[ "$1" = test ] || [ -e "$dir/mended" ]'
	sed -i -e 's/hooks = "web"/hooks = [ "web", "bad" ]/' \
		-e "s|^hooks = ( |&$(hook_config bad), |" everleaf.conf
	touch mended
	expect 0 everleaf renew
	rm mended
	echo : >on-installed
	: >web.ran
	: >bad.ran
	begin=$SECONDS # a look that is none in passing goes on for 30 s
	expect 1 everleaf renew --force www
	[ $((SECONDS - begin)) -lt 30 ] || fail "took $((SECONDS - begin)) s"
	is 1 "$(ran web "run installed")"
	is 1 "$(ran bad "run installed")"
	is_live_of www 2 2
	is '["bad"]' "$(status_of www hooks_pending)"
}

test_a_failed_probe_takes_back_its_own_certificate_only() {
	local a
	service
	a=$server
	sed -i 's/certificates = (/& { name = "b"; names = "b.example.org"; issuer = "local"; hooks = "web"; },/' everleaf.conf
	expect 0 everleaf renew
	echo "kill -USR1 $a" >on-installed
	echo "kill -HUP $a; kill -USR2 $a" >on-rolled-back
	expect 1 everleaf renew --force --all
	is_live_of www 1 2
	is_live_of b 2 2
}

test_a_probe_may_connect_to_one_place_and_name_another() {
	service '{ connect = "127.0.0.1:PORT"; name = "www.example.org"; }'
	expect 0 everleaf renew
	is new "$(status_of www served.0.verdict)"
}

run_tests "$@"
