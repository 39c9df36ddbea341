#!/bin/bash
# http: who asks the agent how it is gets its answer, and can do nothing else.
. "$(dirname "$0")/../lib.sh"

socket() { # its path: nobody else can have taken it
	echo "$dir/run/http.sock"
}

www() { # [SETTINGS of the certificate] [MORE]
	config <<-C
	http = "${http-unix:$(socket)}";
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; ${1-} } );
	${2-}
	C
}

answering() { # ...: running, and it is asked
	running "$@"
	until_true 60 answers
}

get() { # PATH [OPTION...]
	local path=$1
	shift
	curl -sS -m 20 --unix-socket "$(socket)" "http://localhost$path" "$@"
}

code() { # PATH [OPTION...]: of the answer
	get "$@" -o "$dir/body" -w '%{http_code}'
}

answers() {
	[ "$(code /healthz)" = 200 ]
}

is_ill() {
	[ "$(code /healthz)" = 503 ]
}

sample() { # LINE BEGINS: its value
	get /metrics | sed -n "s/^$1 //p"
}

test_an_agent_says_that_it_decides() {
	answering
	is 200 "$(code /healthz)"
	is ok "$(get /healthz)"
	stop_agent
	not test -e "$(socket)"
}

test_metrics_say_what_status_says() {
	local end
	answering
	is 200 "$(code /metrics)"
	end=$(date -u -d "$(status_of www not_after)" +%s)
	is "$end" "$(sample 'everleaf_certificate_not_after_seconds{name="www",issuer="local"}')"
	is 0 "$(sample 'everleaf_certificate_state{name="www"}')"
	is 0 "$(sample 'everleaf_certificate_failures{name="www"}')"
	is 0 "$(sample 'everleaf_certificate_damaged{name="www"}')"
	is "$(date -u -d "$(status_of www last_success)" +%s)" \
		"$(sample 'everleaf_certificate_last_success_seconds{name="www"}')"
	is "$(date -u -d "$(status_of www next_at)" +%s)" \
		"$(sample 'everleaf_certificate_renew_at_seconds{name="www"}')"
	is 1 "$(sample 'everleaf_build_info{version="[^"]*"}')"
	stop_agent
}

shown() { # PATH: of www, as /status.json has it
	get /status.json | json "certificates.0.$1"
}

# Its state, what is wrong, what is live, and what it owes. (A page is kept for a second.)
shown_is() { # STATE HEALTH GENERATION HOOKS
	[ "$*" = "$(shown state) $(shown health) $(shown generation) $(shown hooks_pending)" ]
}

sample_is() { # VALUE LINE BEGINS
	[ "$1" = "$(sample "$2")" ]
}

test_what_is_under_way_is_shown_as_it_is() {
	hook slow <<-'S'
	[ "$1" = test ] || until [ -e "$dir/go" ]; do sleep 0.05; done
	S
	www 'hooks = "slow";' "hooks = ( $(hook_config slow 'timeout = "120s";') );"
	start_agent
	until_true 60 grep -q '^run' slow.ran
	until_true 60 shown_is hooking "hooks pending" 1 '["slow"]'
	is "$(live_leaf www)" "$(shown fingerprint)"
	until_true 60 sample_is 6 'everleaf_certificate_state{name="www"}'
	is "$(date -u -d "$(shown not_after)" +%s)" \
		"$(sample 'everleaf_certificate_not_after_seconds{name="www",issuer="local"}')"
	touch go
	until_true 60 shown_is idle ok 1 '[]'
	until_true 60 sample_is 0 'everleaf_certificate_state{name="www"}'
	stop_agent
}

# The rules of the text format: each family once, its HELP and TYPE before all its samples,
# no sample twice, a counter is called _total and nothing else is.
test_metrics_are_as_prometheus_wants_them() {
	hook good </dev/null
	answering 'hooks = "good";' "hooks = ( $(hook_config good) );"
	get /metrics >metrics
	python3 - metrics <<-'PY'
	import re, sys
	seen, samples, family, kind = set(), set(), None, None
	sample = re.compile(r'([a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\"n])*")*\})? -?[0-9]+')
	lines = open(sys.argv[1], encoding='utf-8', newline='').read().split('\n')
	assert lines.pop() == '', 'the last line ends'
	for line in lines:
	    if line.startswith('# HELP '):
	        family, kind = line.split(' ', 3)[2], None
	        assert family not in seen, line
	        seen.add(family)
	    elif line.startswith('# TYPE '):
	        name, kind = line.split(' ')[2:]
	        assert name == family and kind in ('gauge', 'counter'), line
	        assert (kind == 'counter') == name.endswith('_total'), line
	    else:
	        m = sample.fullmatch(line)
	        assert m and m[1] == family and kind, line
	        assert (m[1], m[2]) not in samples, line
	        samples.add((m[1], m[2]))
	assert len(seen) >= 10, seen
	PY
	# Its own judge says no more, but is a package of 100 MB.
	! command -v promtool >/dev/null || is "" "$(promtool check metrics <metrics 2>&1)"
	! command -v promtool || promtool check metrics <metrics
	stop_agent
}

test_orders_and_runs_of_hooks_are_counted() {
	hook good </dev/null
	answering 'hooks = "good";' "hooks = ( $(hook_config good) );"
	has_ordered() { [ "$(sample 'everleaf_orders_total{issuer="local",result="ok"}')" = 1 ]; }
	until_true 60 has_ordered
	is 0 "$(sample 'everleaf_orders_total{issuer="local",result="failed"}')"
	not [ 0 = "$(sample 'everleaf_hook_runs_total{hook="good",result="ok"}')" ]
	is 0 "$(sample 'everleaf_hook_runs_total{hook="good",result="failed"}')"
	stop_agent
}

knows_how_it_watches() {
	[ "$(everleaf status --json | json agent.watching)" != null ]
}

test_status_json_is_what_status_prints() {
	answering
	until_true 60 knows_how_it_watches
	is 200 "$(code /status.json)"
	get /status.json >got
	everleaf status --json >printed
	is "$(json certificates <printed)" "$(json certificates <got)"
	is "$(json agent <printed)" "$(json agent <got)"
	is "$run" "$(json agent.pid <got)"
	stop_agent
}

test_only_get_and_head_of_what_there_is_are_answered() {
	answering
	is 404 "$(code /)"
	is 404 "$(code /metrics/)"
	is 404 "$(code '/metrics?x')"
	is 404 "$(code /.well-known/acme-challenge/x)"
	is 405 "$(code /metrics -X POST)"
	is 405 "$(code /healthz -X DELETE)"
	is 405 "$(code /status.json -X PUT -d '{}')"
	is 200 "$(code /metrics -I)"
	is 200 "$(code /healthz -I)"
	is 1 "$(live www)"
	stop_agent
}

test_one_that_does_not_decide_is_not_well() {
	answering
	kill -STOP "$(role agent)"
	until_true 60 is_ill
	kill -CONT "$(role agent)"
	until_true 60 answers
	stop_agent
}

test_a_responder_that_died_is_there_again() {
	answering
	kill -KILL "$(role responder)"
	until_true 60 said "starting it again"
	until_true 60 answers
	stop_agent
}

test_who_asks_while_the_agent_begins_anew_is_answered() {
	local i asked=0 refused=0
	answering
	for i in 1 2 3; do
		kill -HUP $run
		for _ in {1..10}; do
			asked=$((asked + 1))
			[ "$(code /metrics)" = 200 ] || refused=$((refused + 1))
		done
		until_true 60 said "taken up" "$i"
	done
	[ $refused -le 10 ] || fail "$refused of $asked refused"
	expect 0 everleaf renew --force www
	is 200 "$(code /healthz)"
	stop_agent
}

test_the_socket_is_for_the_group_and_takes_the_place_of_a_dead_one() {
	www
	mkdir -p "$dir/run"
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$(socket)"
	start_agent
	until_true 60 answers
	is 660 "$(stat -c %a "$(socket)")"
	! is_root || is 61001 "$(stat -c %g "$(socket)")"
	stop_agent
}

test_what_is_no_socket_stays_and_the_agent_works_without() {
	www
	mkdir -p "$dir/run"
	echo precious >"$(socket)"
	start_agent
	until_true 60 said "it is not a socket"
	until_true 60 has_live www 1
	stop_agent
	is precious "$(cat "$(socket)")"
}

test_it_answers_on_tcp_and_moves_with_the_configuration() {
	local http port
	free_port
	http=127.0.0.1:$port
	www
	start_agent
	until_true 60 has_live www 1
	until_true 60 curl -sSf -m 20 "http://127.0.0.1:$port/metrics"
	is 404 "$(curl -sS -m 20 -o body -w '%{http_code}' "http://127.0.0.1:$port/x")"
	http=unix:$(socket) www
	kill -HUP $run
	until_true 60 answers
	not curl -sS -m 20 "http://127.0.0.1:$port/metrics"
	stop_agent
}

test_without_the_setting_there_is_no_responder() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
	start_agent
	until_true 60 has_live www 1
	until_true 60 nothing_is_pending www
	not has_role responder
	stop_agent
}

wakes() {
	grep -h ^voluntary "/proc/$(role agent)/status" "/proc/$(role responder)/status"
}

nobody_wakes() {
	local before
	before=$(wakes)
	sleep 2
	[ "$before" = "$(wakes)" ]
}

test_nobody_who_asks_nothing_wakes_anybody() {
	answering
	until_true 60 nobody_wakes
	stop_agent
}

run_tests "$@"
