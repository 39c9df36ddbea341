# lib: what the script suites share. To be sourced by bash:
#
#     . "$(dirname "$0")/../lib.sh"
#     test_a_sentence_that_is_true() { ... }
#     run_tests
#
# Each function test_* is one case. It runs in a shell of its own that ends at the first
# command that fails (set -e), in a folder of its own, $dir, and says `ok NAME`,
# `not ok NAME: reason` or `skip NAME: reason`. Up to $JOBS cases run beside each other;
# most of them wait. Afterwards what was started is ended and $dir is removed; a role of
# everleaf that is still there then is a failure.
set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(cd "$root" && cd "${BUILD:-build}" && pwd) || exit 1
tools=$BUILD/tests/tools
self=$(basename "$0")
umask 022

is_root() { [ "$(id -u)" = 0 ]; }

# -- the end of a case --

say_why() { # REASON: the first one counts
	[ -s "$dir/why" ] || printf '%s\n' "$*" | tr '\n' ' ' >"$dir/why"
}

fail() { # REASON
	say_why "$*"
	exit 1
}

skip() { # REASON
	say_why "$*"
	exit 77
}

again() { # REASON: it was not as the case needs it, by chance; it is tried again
	say_why "$*"
	exit 75
}

started() { # PID: to be ended with the case, or a part of it that has a folder of its own
	echo "$1" >>"$dir/pids"
}

end() { # PID: end it and wait until it is gone
	local signal
	for signal in TERM KILL; do
		kill -$signal "$1" 2>/dev/null || return 0
		for _ in {1..100}; do
			kill -0 "$1" 2>/dev/null || return 0
			sleep 0.05
		done
	done
}

# The keeper and the agent hold the lock as long as they live.
no_role_is_left() {
	[ ! -e "$dir/state/lock" ] || flock -w 60 "$dir/state/lock" true
}

clean_up() {
	local pid
	for pid in $(cat "$dir/pids" "$dir"/*/pids 2>/dev/null); do
		end "$pid"
	done
	no_role_is_left || {
		say_why "a role of everleaf is left behind"
		return 1
	}
	for pid in $(tac "$dir/mounts" 2>/dev/null); do
		umount -l "$pid"
	done
}

# Whether it was a server, not everleaf, that failed in a case: it is tried again then.
let_down() {
	false
}

# -- cases --

# What was said last in a case that failed, by itself and by what it has started.
say_last() {
	local file
	for file in "$dir"/log "$dir"/*.err "$dir"/*.out; do
		[ -s "$file" ] || continue
		echo "#   $(basename "$file"):"
		tail -n 40 "$file" | cut -c 1-300 | sed 's/^/#     /'
	done
}

run_test() { # FUNCTION [TRY]
	local name=${1#test_} status log
	dir=$(mktemp -d "${TMPDIR:-/tmp}/everleaf-test.XXXXXX") || exit 1
	chmod 755 "$dir"
	(
		set -eE -o pipefail
		trap 'say_why "$(basename "${BASH_SOURCE[0]}") line $LINENO: $BASH_COMMAND"' ERR
		cd "$dir"
		"$1"
	) >"$dir/log" 2>&1
	status=$?
	[ $status = 0 ] || ! let_down || status=75
	clean_up >>"$dir/log" 2>&1 || [ $status != 0 ] || status=1
	if [ $status = 75 ] && [ "${2-1}" -lt 3 ]; then
		rm -rf "$dir"
		run_test "$1" $((${2-1} + 1))
		return
	fi
	case $status in
	0) log="ok $name" ;;
	77) log="skip $name: $(cat "$dir/why")" ;;
	*) log="not ok $name: $(cat "$dir/why" 2>/dev/null || echo "status $status")
$(say_last)" ;;
	esac
	[ -n "${KEEP-}" ] && [ $status = 1 ] && log+=$'\n'"# kept $dir" || rm -rf "$dir"
	printf '%s\n' "$log"
	[ $status = 0 ] || [ $status = 77 ]
}

run_tests() { # [NAME...]: all, or those that are named
	local name status=0 pids=()
	for name in ${*:-$(grep -oE '^test_[a-zA-Z0-9_]+' "$0")}; do
		while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-3}" ]; do
			wait -n || :
		done
		run_test "test_${name#test_}" &
		pids+=($!)
	done
	for name in "${pids[@]}"; do
		wait "$name" || status=1
	done
	exit $status
}

# -- everleaf --

config() { # what is on stdin, with places of its own
	{
		echo "state_dir = \"$dir/state\"; runtime_dir = \"$dir/run\";"
		! is_root || echo 'users = { agent = "61001"; keeper = "61002"; network = "61003"; };'
		cat
	} >"$dir/everleaf.conf"
}

everleaf() {
	"$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"
}

# Run it; its output is in $dir/out and $dir/err, and it must end with STATUS.
expect() { # STATUS COMMAND...
	local want=$1 got=0
	shift
	"$@" >"$dir/out" 2>"$dir/err" </dev/null || got=$?
	[ $got = "$want" ] || {
		cat "$dir/out" "$dir/err"
		fail "$* ended with $got, not $want: $(tail -n 1 "$dir/err")"
	}
}

# `! COMMAND` is true for set -e whatever comes of it.
not() { # COMMAND...: it must fail
	if "$@"; then
		fail "succeeded: $*"
	fi
}

# Behind a pipe: read to its end, or what writes would be ended by a signal.
has() { # PATTERN: is in what is on stdin
	[ -n "$(grep -e "$1" || :)" ] || fail "nothing has $1"
}

has_no() { # PATTERN
	[ -z "$(grep -e "$1" || :)" ] || fail "something has $1"
}

says() { # FILE WORDS: it is among them
	grep -qF -- "$2" "$dir/$1" || {
		cat "$dir/$1"
		fail "\"$2\" is not in $1"
	}
}

json() { # [PATH]: of what is on stdin
	"$tools/json" "$@"
}

status_of() { # NAME PATH: of status --json
	everleaf status --json "$1" | json "certificates.0.$2"
}

live() { # NAME: the number of its live generation
	local to
	to=$(readlink "$dir/state/live/$1")
	echo $((10#${to##*/}))
}

events() { # NAME WHAT: how many there are in the history
	everleaf history --json "$1" | tr '{' '\n' | grep -c "\"event\": *\"$2\"" || :
}

is() { # EXPECTED ACTUAL
	[ "$1" = "$2" ] || fail "line ${BASH_LINENO[0]}: found \"$2\", expected \"$1\""
}

role() { # NAME: its process in the run of everleaf that is $run
	local pid
	for pid in $(cat "/proc/$run/task/$run/children"); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^everleaf-$1 "; then
			echo "$pid"
			return
		fi
	done
	fail "there is no role $1"
}

# What of NAME there is: the number that is live, and how many were ever issued.
is_live_of() { # NAME LIVE ISSUED
	is "$2 of $3" "$(live "$1") of $(events "$1" issued)"
}

# What another has said is not what the one says that is started next: the shell empties a
# file when the program in the background comes to run, and who waits for a word may be first.
says_anew() { # FILE
	: >"$1"
}

# -- what it remembers --

# What is remembered is made another; a row without a sum is believed.
remember() { # STATEMENT
	python3 - "$dir/state/agent/state.db" "$1" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1], timeout=60)
	db.execute(sys.argv[2])
	db.commit()
	P
}

# What is live came SECONDS ago.
came() { # SECONDS
	python3 - "$dir/state/agent/state.db" "$dir/state/live/www/cert.pem" "$1" <<-'P'
	import os, sqlite3, sys, time
	at = time.time() - float(sys.argv[3])
	os.utime(sys.argv[2], (at, at))
	st = os.stat(sys.argv[2])
	db = sqlite3.connect(sys.argv[1], timeout=60)
	db.execute("UPDATE certificate SET mtime_ns = ?, ctime_ns = ?, sum = NULL", (st.st_mtime_ns, st.st_ctime_ns))
	db.commit()
	P
}

# Of the live certificate, DONE of PARTS are over. (One that lives for seconds may be over before
# a case has looked.)
age() { # DONE PARTS
	local now=$(date +%s)
	came $((6000 * ${1%.*}))
	remember "UPDATE certificate SET not_before = $now - 6000 * $1, not_after = $now + 6000 * ($2 - $1), sum = NULL"
}

# -- the daemon --

# $run is its process, agent.err what it says.
start_agent() {
	says_anew "$dir/agent.err"
	"$BUILD/everleaf" -c "$dir/everleaf.conf" agent >"$dir/agent.out" 2>"$dir/agent.err" </dev/null &
	run=$!
	started $run
}

agent_runs() { # and answers who asks it
	[ "$(everleaf status --json | json agent.running)" = true ]
}

stop_agent() { # [STATUS]
	local got=0
	kill -TERM $run
	wait $run || got=$?
	is "${1-0}" $got
}

running() { # ARGUMENT of www...: an agent that has got that certificate of the suite's
	www "$@"
	start_agent
	until_true 60 has_live www 1
	until_true 60 nothing_is_pending www
}

said_times() { # WORDS
	grep -cF -- "$1" "$dir/agent.err" || :
}

said() { # WORDS [TIMES]
	[ "$(said_times "$1")" -ge "${2-1}" ]
}

has_role() { # NAME
	(fail() { exit 1; } && role "$1")
}

nothing_is_pending() { # NAME
	[ "$(status_of "$1" hooks_pending)" = "[]" ]
}

has_live() { # NAME NUMBER
	[ "$(live "$1")" = "$2" ]
}

# -- certificates --

leaf_of() { # FILE: SHA-256 of its first certificate
	openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f
}

live_leaf() { # NAME
	leaf_of "$dir/state/live/$1/cert.pem"
}

served_leaf() { # PORT
	local said
	said=$(openssl s_client -connect "127.0.0.1:$1" -servername localhost </dev/null 2>/dev/null) || :
	leaf_of /dev/stdin <<<"$said"
}

placeholder() { # FILE: a self-signed pair, as a fresh machine has
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=placeholder -keyout "$1.key" -out "$1.crt" 2>/dev/null
	(umask 077 && cat "$1.key" "$1.crt" >"$1")
	rm -f "$1.key" "$1.crt"
}

# -- hooks --

# A hook program $dir/NAME from stdin. It is run as NAME test|run, notes each run as a
# line of $dir/NAME.ran, and finds the folder of the case in $dir.
hook() { # NAME
	{
		printf '#!/bin/sh\ndir=%s\necho "$1" "$EVERLEAF_EVENT" >>"$dir/%s.ran"\n' "$dir" "$1"
		cat
	} >"$dir/$1"
	chmod 755 "$dir/$1"
}

hook_config() { # NAME [SETTINGS]: its line in the list `hooks`
	printf '{ name = "%s"; test = [ "%s", "test" ]; run = [ "%s", "run" ]; %s }' \
		"$1" "$dir/$1" "$dir/$1" "${2-}"
}

ran() { # NAME [WORDS]: how often it was run, with those words
	cat "$dir/$1.ran" 2>/dev/null | grep -c -- "${2-}" || :
}

until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "never true: $*"
		sleep 0.05
	done
}

# -- servers --

# A port that nobody listens on, in $port. It is the case's own until it ends, and with it
# all that it has started: they hold the lock. (Who may not write here locks for himself.)
free_port() {
	local lock locks=$root/build/ports
	mkdir -p "$locks" 2>/dev/null && [ -w "$locks" ] || locks=$dir
	while :; do
		port=$((10000 + RANDOM % 20000))
		exec {lock}>"$locks/port.$port"
		! flock -n $lock || (exec 8<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
		exec {lock}>&-
	done
}

start_serve() { # PEM: $port is where it listens, $server its process
	says_anew "$dir/serve.out"
	"$tools/serve" 0 "$1" >"$dir/serve.out" 2>"$dir/serve.err" &
	server=$!
	started $server
	until_true 60 grep -q ready "$dir/serve.out"
	port=$(sed 's/ready //' "$dir/serve.out")
}

start_load() { # PORT NAME: $load is its process
	says_anew "$dir/load.out"
	"$tools/load" "$1" "$2" >"$dir/load.out" &
	load=$!
	started $load
	until_true 60 grep -q started "$dir/load.out"
}

stop_load() {
	kill "$load"
	wait "$load"
}

load_said() { # WORD: "requests" or "failed"
	sed -n "s/^$1 //p" "$dir/load.out"
}

nginx_config() { # PORT CERTIFICATE KEY
	mkdir -p "$dir/nginx"
	cat >"$dir/nginx.conf" <<-CONF
		$(! is_root || echo "user nobody nogroup;")
		worker_processes 2;
		pid $dir/nginx/pid;
		error_log $dir/nginx/error.log;
		events { worker_connections 256; }
		http {
			access_log off;
			client_body_temp_path $dir/nginx/body;
			proxy_temp_path $dir/nginx/proxy;
			fastcgi_temp_path $dir/nginx/fastcgi;
			uwsgi_temp_path $dir/nginx/uwsgi;
			scgi_temp_path $dir/nginx/scgi;
			server {
				listen 127.0.0.1:$1 ssl;
				server_name localhost;
				ssl_certificate $2;
				ssl_certificate_key $3;
				location / { return 200 "ok\n"; }
			}
		}
	CONF
}

# Its own configuration, $dir/nginx.conf, on a port of its own, $port.
start_nginx() { # PEM, or CERTIFICATE KEY
	PATH=$PATH:/usr/sbin:/sbin
	command -v nginx >/dev/null || skip "nginx is not installed"
	free_port
	nginx_config $port "$1" "${2-$1}"
	nginx -c "$dir/nginx.conf" -p "$dir"
	until_true 60 test -s "$dir/nginx/pid"
	nginx=$(cat "$dir/nginx/pid")
	started "$nginx"
}

nginx_hook_config() { # [SETTINGS]: its line in the list `hooks`
	printf '{ name = "nginx"; test = [ "nginx", "-t", "-q", "-c", "%s", "-p", "%s" ];
		run = [ "nginx", "-s", "reload", "-c", "%s", "-p", "%s" ]; %s }' \
		"$dir/nginx.conf" "$dir" "$dir/nginx.conf" "$dir" "${1-}"
}
