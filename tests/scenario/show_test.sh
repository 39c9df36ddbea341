#!/bin/bash
# show: status, plan, history, check, help and version: what they print, and that they
# change nothing.
. "$(dirname "$0")/../lib.sh"

www() { # [SETTINGS of the certificate]
	config <<-C
	certificates = ( { name = "www"; names = [ "localhost", "www.example.org" ]; issuer = "local"; ${1-} } );
	C
}

# What is remembered is of a generation that is not live any more: what is live counts.
test_status_tells_of_what_is_live_whoever_made_it_so() {
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	ln -sfn ../archive/www/0000000001 state/live/www
	is 1 "$(status_of www generation)"
	is "$(live_leaf www)" "$(status_of www fingerprint)"
	is "$(openssl x509 -in state/live/www/cert.pem -noout -serial)" "serial=$(status_of www serial)"
}

# What the keeper has said of it is remembered together with what it is of.
test_what_is_live_is_known_in_each_run_after_one_that_has_looked() {
	local n
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	expect 0 everleaf renew
	for n in 1 2 1; do
		ln -sfn ../archive/www/000000000$n state/live/www
		expect 0 everleaf renew
		expect 0 everleaf renew
		is $n "$(status_of www generation)"
		is "$(live_leaf www)" "$(status_of www fingerprint)"
	done
}

# Nothing would ever succeed where it failed.
test_what_has_failed_and_is_not_to_be_done_any_more_is_over() {
	hook web <<<'exit 1'
	www 'hooks = "web"; '
	echo "hooks = ( $(hook_config web) );" >>everleaf.conf
	expect 1 everleaf renew
	is "hooks pending" "$(status_of www health)"
	www
	expect 0 everleaf renew
	expect 0 everleaf status --check
	is ok "$(status_of www health)"
	expect 0 everleaf status
	has_no "last error" <out
}

test_status_json_is_as_documented() {
	local member
	www
	expect 0 everleaf renew
	expect 0 everleaf status --json
	field() { json "$1" <out; }
	is 1 "$(field version)"
	is false "$(field agent.running)"
	is null "$(field agent.pid)"
	is 1 "$(field certificates.#)"
	is www "$(field certificates.0.name)"
	is '["localhost","www.example.org"]' "$(field certificates.0.names)"
	is local "$(field certificates.0.issuer)"
	is idle "$(field certificates.0.state)"
	is null "$(field certificates.0.why)"
	is "$(openssl x509 -in state/live/www/cert.pem -noout -serial)" "serial=$(field certificates.0.serial)"
	is "$(live_leaf www)" "$(field certificates.0.fingerprint)"
	is "$(date -u -d "$(openssl x509 -in state/live/www/cert.pem -noout -enddate | cut -d = -f 2)" +%FT%TZ)" \
		"$(field certificates.0.not_after)"
	[[ $(field certificates.0.not_before) =~ ^20[0-9-]+T[0-9:]+Z$ ]]
	is 1 "$(field certificates.0.generation)"
	is null "$(field certificates.0.held)"
	[[ $(field certificates.0.next_at) > $(date -u +%FT%TZ) ]]
	is expiring "$(field certificates.0.next_why)"
	is 0 "$(field certificates.0.failures)"
	is null "$(field certificates.0.last_error)"
	[[ $(field certificates.0.last_success) =~ ^20[0-9-]+T[0-9:]+Z$ ]]
	is '[]' "$(field certificates.0.hooks_pending)"
	is '[]' "$(field certificates.0.served)"
	is false "$(field certificates.0.revoked)"
	is null "$(field certificates.0.ari)"
	is '[]' "$(field crls)"
	sed -n '/^\.Sh JSON/,/^\.Ss The others/p' "$root/agent/everleaf.8" >manual
	for member in $(grep -o '"[a-z_]*":' out | tr -d '":' | sort -u); do
		grep -qw -- "$member" manual || fail "$member is not in the manual"
	done
}

test_status_before_the_first_run_says_what_is_missing() {
	www
	expect 0 everleaf status
	says out missing
	expect 0 everleaf status --json
	is null "$(json certificates.0.serial <out)"
	is missing "$(json certificates.0.why <out)"
	[ ! -e state ]
}

test_status_shows_only_those_that_are_named() {
	config <<-C
	certificates = ( { names = "a.example.org"; issuer = "local"; }, { names = "b.example.org"; issuer = "local"; } );
	C
	expect 0 everleaf status b.example.org
	says out b.example.org
	not grep -q a.example.org out
	expect 0 everleaf status --json b.example.org
	is 1 "$(json certificates.# <out)"
	is 0 "$(json own_crls.# <out)"
}

test_status_of_a_broken_live_set_says_so() {
	www
	expect 0 everleaf renew
	echo garbage >state/archive/www/0000000001/cert.pem
	expect 0 everleaf status
	says out damaged
	says out archive/www/0000000001/cert.pem
	expect 2 everleaf status --check
	expect 0 everleaf renew
	is_live_of www 2 2
}

test_check_for_monitoring_ends_with_0_1_or_2() {
	www
	expect 2 everleaf status --check
	is 1 "$(wc -l <out)"
	says out "CRITICAL - 1 certificate"
	says out "www: missing"
	expect 0 everleaf renew
	expect 0 everleaf status --check
	is 1 "$(wc -l <out)"
	says out "OK - 1 certificate"
	expect 1 everleaf status --check --warn 100d --crit 1d
	says out "WARNING - 1 certificate"
	expect 2 everleaf status --check --warn 100d --crit 95d
	expect 0 everleaf status --check --warn 80d --crit 1d
	expect 2 everleaf status --check --warn soon
	expect 2 everleaf status --check --json --crit 95d
	is www "$(json certificates.0.name <out)"
}

test_an_expired_certificate_is_critical() {
	config <<-C
	issuers = ( { name = "short"; type = "local"; lifetime = "2s"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "short"; } );
	C
	expect 0 everleaf renew
	sleep 2.2
	expect 2 everleaf status --check
	says out expired
	expect 0 everleaf plan
	says out now
}

many() { # NAME...: with a hundred others
	config <<-C
	defaults = { issuer = "local"; };
	certificates = ( $(seq -f '{ names = "c%03g.example.org"; },' 100) $(printf '{ names = "%s"; },' "$@" | sed 's/,$//') );
	C
}

# What is worst stands where it is read, and what there is no room for is counted.
test_the_line_of_a_check_begins_with_the_worst_and_counts_the_rest() {
	local named
	many www.example.org
	expect 0 everleaf renew
	many www.example.org zzz.example.org
	expect 2 everleaf status --check --warn 95d
	is 1 "$(wc -l <out)"
	has '^CRITICAL - 102 certificates - zzz.example.org: missing, c001.example.org: expires soon, c002' <out
	named=$(grep -o '\.example\.org: ' out | wc -l)
	[ "$named" -gt 20 ]
	has ", and $((102 - named)) more$" <out
}

test_a_plan_says_what_will_be_done_and_changes_nothing() {
	www
	expect 0 everleaf plan
	says out missing
	says out now
	[ ! -e state ]
	expect 0 everleaf plan --json
	is www "$(json plan.0.name <out)"
	is issue "$(json plan.0.action <out)"
	is missing "$(json plan.0.why <out)"
	is local "$(json plan.0.issuer <out)"
	expect 0 everleaf renew
	expect 0 everleaf plan
	says out expiring
	expect 0 everleaf plan --json
	is renew "$(json plan.0.action <out)"
	is expiring "$(json plan.0.why <out)"
	is "$(status_of www next_at)" "$(json plan.0.at <out)"
	is_live_of www 1 1
}

next_at() {
	everleaf plan --json | json plan.0.at
}

another_second() {
	[ "$(date +%s)" != "$1" ]
}

# Nor is it another one for another process, or what has forgotten all.
test_the_moment_of_a_certificate_is_drawn_once() {
	local at
	www
	expect 0 everleaf renew
	at=$(next_at)
	until_true 60 another_second "$(date +%s)"
	is "$at" "$(next_at)"
	start_agent
	until_true 60 another_second "$(date +%s)"
	is "$at" "$(status_of www next_at)"
	stop_agent
	is "$at" "$(next_at)"
	rm state/agent/state.db*
	is "$at" "$(next_at)"
	expect 0 everleaf renew
	is "$at" "$(next_at)"
	has_live www 1
}

test_a_plan_has_the_soonest_first_and_can_be_cut() {
	config <<-C
	issuers = ( { name = "long"; type = "local"; lifetime = "90d"; }, { name = "short"; type = "local"; lifetime = "7d"; } );
	certificates = ( { name = "a"; names = "a.example.org"; issuer = "long"; },
		{ name = "b"; names = "b.example.org"; issuer = "short"; } );
	C
	expect 0 everleaf renew
	expect 0 everleaf plan --json
	is "b a" "$(json plan.0.name <out) $(json plan.1.name <out)"
	expect 0 everleaf plan --days 10 --json
	is "1 b" "$(json plan.# <out) $(json plan.0.name <out)"
	expect 0 everleaf plan --days=0 --json
	is 0 "$(json plan.# <out)"
}

# The moment: a third before the end, less than a twentieth of the lifetime earlier.
test_the_renewal_moment_is_drawn_once_and_stays() {
	local at begin
	www
	expect 0 everleaf renew
	at=$(status_of www next_at)
	begin=$(date -d "$(status_of www not_before)" +%s)
	at=$((($(date -d "$at" +%s) - begin) * 1000 / (90 * 86400)))
	[ $at -ge 616 ]
	[ $at -le 667 ]
	at=$(status_of www next_at)
	expect 0 everleaf renew
	is "$at" "$(status_of www next_at)"
	rm -r state/agent
	expect 0 everleaf renew
	is "$at" "$(status_of www next_at)"
	is 1 "$(live www)"
}

test_history_is_json_where_that_is_asked_for() {
	www
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	expect 0 everleaf history --json
	is issued "$(json events.0.event <out)"
	is www "$(json events.0.name <out)"
	is 1 "$(json events.0.generation <out)"
	is 4 "$(json events.# <out)"
	expect 0 everleaf history www
	is 5 "$(wc -l <out)"
}

test_check_finds_nothing_wrong_where_nothing_is() {
	www
	expect 0 everleaf check
	[ ! -e state ]
}

test_check_names_every_mistake_in_one_go() {
	local first
	config <<-C
	issuers = ( { name = "lab"; type = "lokal"; } );
	certificates = ( { name = "www"; names = "local host"; issuer = "local"; },
		{ name = "www"; names = "localhost"; issuer = "local"; },
		{ names = "x.example.org"; issuer = "local"; keep = "many"; },
		{ names = "y.example.org"; } );
	C
	first=$(grep -n lokal everleaf.conf | cut -d : -f 1)
	expect 2 everleaf check
	says err "everleaf.conf:$first: "
	says err "everleaf.conf:$((first + 1)): "
	says err "everleaf.conf:$((first + 2)): "
	says err "everleaf.conf:$((first + 3)): "
	says err "everleaf.conf:$((first + 4)): "
	says err lokal
	says err "local host"
	says err '"letsencrypt"'
}

test_a_string_that_would_swallow_its_neighbour_is_found() {
	config <<-C
	certificates = ( { name = "www"; names = [ "a.example.org" "b.example.org" ]; issuer = "local"; } );
	C
	expect 2 everleaf check
	says err comma
}

test_an_included_file_is_read_and_its_mistakes_have_its_name() {
	mkdir conf.d
	config <<-C
	include = "conf.d/*.conf";
	C
	echo 'certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );' >conf.d/www.conf
	expect 0 everleaf renew
	is_live_of www 1 1
	echo 'certificates = ( { name = "x"; names = "localhost"; issuer = "lokal"; } );' >conf.d/x.conf
	expect 2 everleaf check
	says err "x.conf:1"
}

test_a_configuration_that_is_not_there_ends_with_2() {
	local status=0
	"$BUILD/everleaf" -c "$dir/nowhere.conf" renew 2>err || status=$?
	is 2 $status
	says err nowhere.conf
}

test_help_and_version_need_no_configuration() {
	"$BUILD/everleaf" help >out
	says out renew
	says out rollback
	"$BUILD/everleaf" help renew >out
	says out --force
	"$BUILD/everleaf" version >out
	says out everleaf
	says out OpenSSL
	says out libcurl
	"$BUILD/everleaf" --help | has renew
	"$BUILD/everleaf" -c nowhere.conf --help | has renew
	"$BUILD/everleaf" --version | has everleaf
	"$BUILD/everleaf" renew www --help | has --force
	"$BUILD/everleaf" renew -h | has --force
}

test_every_command_of_the_help_has_help_of_its_own() {
	local word
	for word in $("$BUILD/everleaf" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		"$BUILD/everleaf" help "$word" | has "everleaf $word"
	done
}

# With an agent and without one, and where there is no configuration to read.
test_an_error_is_a_document_where_one_is_asked_for() {
	local command
	www
	expect 0 everleaf renew
	for command in "status other" "renew other" "history other" "crl other"; do
		expect 4 everleaf $command --json
		json error <out | has other
	done
	start_agent
	until_true 60 test -S run/agent.sock
	for command in "status other" "renew other"; do
		expect 4 everleaf $command --json
		json error <out | has other
	done
	stop_agent
	expect 2 everleaf inspect nowhere --json
	json error <out | has nowhere
	rm everleaf.conf
	expect 2 everleaf plan --json
	json error <out | has everleaf.conf
}

test_what_was_looked_for_just_now_is_looked_for_again() {
	www
	expect 0 everleaf renew
	expect 0 everleaf crl --update --json
	[ "$(json own_crls.0.next_at <out)" '>' "$(json own_crls.0.last_success <out)" ]
}

# A report cut short by a full disk is not taken for a whole one, by whoever asks the exit
# status. A pipe that is read no more has had enough, and what is renewed is renewed.
test_what_cannot_be_printed_is_a_failure() {
	local command pipe
	www
	expect 0 everleaf renew
	for command in status "status --json" plan history check crl version help "ca local crl"; do
		expect 1 eval "everleaf $command >/dev/full"
		says err "standard output: "
		expect 1 eval "everleaf $command >&-"
	done
	expect 0 eval "everleaf renew --force www >/dev/full"
	says err "standard output: "
	expect 0 eval "everleaf renew --force www <&- >&- 2>&-"
	is_live_of www 3 3
	trap '' PIPE
	exec {pipe}> >(:)
	wait $!
	expect 0 eval "everleaf status >&$pipe"
	is "" "$(cat err)"
}

# Its standard output is a pipe that is full, and read only after a while, or never.
into_a_full_pipe() { # blocks|waits SIGNAL|read COMMAND...: $status, its output in out
	status=0
	timeout 60 python3 - "$@" >out 2>err <<-'P' || status=$?
	import fcntl, os, signal, subprocess, sys, time
	there, here = os.pipe()
	fcntl.fcntl(here, fcntl.F_SETPIPE_SZ, 4096)
	os.write(here, b"." * 4096)
	os.set_blocking(here, sys.argv[1] == "blocks")
	command = subprocess.Popen(sys.argv[3:], stdout=here, stdin=subprocess.DEVNULL)
	os.close(here)
	time.sleep(1.5)
	if sys.argv[2] != "read":
	    began = time.monotonic()
	    command.send_signal(signal.Signals[sys.argv[2]])
	    command.wait()
	    print(time.monotonic() - began < 4)
	else:
	    with open(there, "rb") as words:
	        sys.stdout.buffer.write(words.read()[4096:])
	sys.exit(abs(command.wait()))
	P
}

# As a program leaves it that waits for many things at once: nothing is lost, it is waited for.
test_an_output_that_cannot_take_more_yet_is_waited_for() {
	local command
	www
	expect 0 everleaf renew
	for command in status "status --json" plan "history --json" check crl version help; do
		into_a_full_pipe waits read "$BUILD/everleaf" -c everleaf.conf $command
		is "0 " "$status $(cat err)"
		is "$(everleaf $command | wc -l)" "$(wc -l <out)"
	done
	into_a_full_pipe waits read "$BUILD/everleaf" -c everleaf.conf inspect state/live/www/cert.pem
	is "0 " "$status $(cat err)"
	says out www.example.org
}

# A pager that shows the first page. What only shows has nothing to bring to an end.
test_what_only_shows_ends_at_once_though_nobody_reads_it() {
	local command signal
	www
	expect 0 everleaf renew
	for signal in TERM INT; do
		for command in status "history --json" "renew --dry-run --force www" "inspect state/live/www/cert.pem"; do
			into_a_full_pipe blocks SIG$signal "$BUILD/everleaf" -c everleaf.conf $command
			is "1 True" "$status $(cat out)"
			has_no "killed" <err
		done
		into_a_full_pipe blocks SIG$signal "$BUILD/everleaf" -c everleaf.conf status --watch
		is "0 True" "$status $(cat out)"
	done
}

test_nothing_is_coloured_away_from_a_terminal() {
	www
	expect 0 everleaf renew
	expect 0 everleaf status
	is "" "$(tr -d '\n -~' <out)"
}

test_quiet_says_only_what_is_wrong() {
	www
	expect 0 everleaf -q renew
	is "" "$(cat out err)"
	is_live_of www 1 1
}

run_tests "$@"
