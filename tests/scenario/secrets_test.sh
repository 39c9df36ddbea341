#!/bin/bash
# secrets: nobody but the keeper has a key or a password: not in memory, nor in arguments,
# environments, logs, answers, state or what lies about. Only root can look there.
#
# What may have one besides the keeper are the files that are for it. (The password of EST,
# and the key of a live certificate at EST, are lent to one worker for one job: that is by
# design, and not looked at here.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# A sanitizer maps terabytes.
can_look() {
	is_root || skip "needs root"
	[[ $BUILD != */san ]] || skip "not with a sanitizer"
}

# -- what is searched for --

plant() { # NAME, what it is on stdin
	mkdir -p "$dir/planted"
	cat >"$dir/planted/$1"
}

scalar() { # FILE: of a private key of an elliptic curve
	openssl pkey -in "$1" -noout -text | awk '/^pub:/ { on = 0 } on; /^priv:/ { on = 1 }' |
		tr -d ' :\n' | sed 's/^00//' | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'
}

spy() { # THING...
	"$root/tests/tools/spy" "$dir/planted" "$@"
}

# -- where it is searched --

# Each role's name and number, that of the supervisor first.
roles() {
	local pid
	echo "supervisor $run"
	for pid in $(cat "/proc/$run/task/$run/children"); do
		echo "$(tr '\0' ' ' <"/proc/$pid/cmdline" | sed 's/^everleaf-//; s/ .*//') $pid"
	done
}

# Files that are for keys, and what we have planted ourselves.
is_for_it() { # PATH
	case $1 in
	"$dir"/planted/* | "$dir"/given/* | */privkey.pem | */.pending | */account.key) return 0 ;;
	"$dir"/ca/* | "$dir"/*.key | "$dir"/target/*) return 0 ;;
	esac
	return 1
}

# All but the keeper, and all files but those.
nobody_has_one() {
	local word pid name form where
	roles >spied.roles
	while read -r word pid; do
		[ "$word" != keeper ] || continue
		spy "$pid" | while read -r name form where; do
			[ "$form" != unread ] || [ -d "/proc/$pid" ] || continue
			echo "$word: $name $form $where"
		done
	done <spied.roles >spied
	spy "$dir" | while read -r name form where; do
		is_for_it "$where" || echo "file: $name $form $where"
	done >>spied
	is "" "$(cat spied)"
}

# (grep -q would end before spy has said it all.)
keeper_has() { # NAME
	spy "$(role keeper)" | grep "^$1 " >/dev/null
}

no_core_is_left_of() { # ROLE...
	local word
	for word in "$@"; do
		is 0 "$(awk '/^Max core file size/ { print $5 }' "/proc/$(role "$word")/limits")"
	done
}

has_run() { # TIMES
	[ "$(ran waits "run installed")" = "$1" ]
}

# What a person, a program or a log can be told.
ask_everything() {
	local words
	for words in status "status --json" plan history check; do
		# shellcheck disable=SC2086
		"$BUILD/everleaf" -v -c "$dir/everleaf.conf" $words >"asked.${words// /.}" 2>&1 || : # what is due is a status
		test -s "asked.${words// /.}"
	done
	curl -sS -m 20 --unix-socket "$dir/run/http.sock" http://localhost/metrics >asked.metrics
	says asked.metrics "everleaf_"
}

# -- cases --

test_what_leaks_is_found() {
	local pid
	can_look
	openssl rand 32 | plant key
	printf hunter2-hunter2 | plant password
	cp planted/key leak.octets
	base64 -w0 planted/key >leak.base64
	{ printf x; cat planted/key; } | base64 -w0 | tr +/ -_ >leak.url
	od -An -v -tx1 planted/key | tr -d ' \n' >leak.hex
	is "base64 base64 hex octets" "$(spy leak.base64 leak.url leak.hex leak.octets | cut -d' ' -f2 | sort | tr '\n' ' ' | sed 's/ $//')"
	python3 -B -c 'import sys
n = int.from_bytes(open(sys.argv[1], "rb").read(), "little").to_bytes(32, "big")
print("ready", flush=True)
sys.stdin.read()' planted/key < <(sleep 1000) >out &
	pid=$!
	started $pid
	until_true 60 grep -q ready out
	spy $pid | has "^key backwards"
	PASSWORD=hunter2-hunter2 sleep 1000 &
	started $!
	until_true 60 grep -q sleep "/proc/$!/comm"
	spy $! | has "^password octets /proc/$!/environ"
}

# A daemon that has an account bound to another, a key that it goes on using, a file in
# PKCS#12; names by DNS with a signature; and a hook that waits.
everything() {
	can_look
	mkdir given target
	openssl rand 48 | plant eab
	openssl rand 32 | plant tsig
	openssl rand 32 | plant cfssl
	printf 'correct horse battery' | plant pkcs12
	(
		umask 077
		base64 -w0 planted/eab >given/eab
		base64 -w0 planted/tsig >given/tsig
		od -An -v -tx1 planted/cfssl | tr -d ' \n' >given/cfssl
		cat planted/pkcs12 >given/pkcs12
	)
	hook waits <<-'H'
	env >"$dir/hook.env"
	[ "$1" = test ] || while [ -e "$dir/wait" ]; do sleep 0.05; done
	H
	free_port
	config <<-C
	http = "unix:$dir/run/http.sock"; log = { level = "debug"; };
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "ca"; type = "acme"; url = "$url"; trust = "$trust";
	    eab = { kid = "kid-1"; key_file = "$dir/given/eab"; }; },
	  { name = "lab"; type = "local"; subject = "CN=Lab"; },
	  { name = "none"; type = "cfssl"; url = "http://127.0.0.1:$port"; auth_key_file = "$dir/given/cfssl"; } );
	hooks = ( $(hook_config waits 'timeout = "10m";') );
	certificates = (
	  { name = "www"; names = "www.example.org"; issuer = "ca"; challenge = $(webroot); reuse_key = true;
	    hooks = "waits"; files = ( { path = "$dir/target/www.p12"; content = "pkcs12";
	      password_file = "$dir/given/pkcs12"; } ); },
	  { name = "own"; names = "own.example.org"; issuer = "lab"; reuse_key = true; },
	  { name = "dns"; names = "*.example.org"; issuer = "ca"; challenge = { type = "dns-01";
	    rfc2136 = { server = "127.0.0.1:$port"; key_name = "k"; key_file = "$dir/given/tsig"; zone = "example.org"; wait = "0s"; }; }; },
	  { name = "far"; names = "far.example.org"; issuer = "none"; } );
	C
}

test_nobody_but_the_keeper_has_one() {
	start_ca <<<""
	everything
	expect 1 everleaf renew # those whose servers are not there fail
	is_live_of www 1 1
	scalar state/live/www/privkey.pem | plant www
	scalar state/live/own/privkey.pem | plant own
	scalar state/accounts/ca/account.key | plant account
	scalar state/ca/lab/root.key | plant lab
	is "32 32 32 32 " "$(for f in www own account lab; do stat -c %s planted/$f; done | tr '\n' ' ')"
	"$BUILD/everleaf" -v -c "$dir/everleaf.conf" agent >agent.out 2>agent.err </dev/null &
	run=$!
	started $run
	until_true 60 said "files are watched"
	nobody_has_one # at rest
	: >ca/stop
	script <<<"order * hold stop"
	"$BUILD/everleaf" -c "$dir/everleaf.conf" renew --force www >asked.renew 2>&1 &
	until_true 60 test -e ca/stop.here
	nobody_has_one # while a worker has an order under way
	keeper_has account
	: >wait
	rm -f ca/stop
	script <<<""
	until_true 60 has_run 2
	keeper_has www
	nobody_has_one # while a hook runs
	ask_everything
	rm wait
	until_true 60 has_live www 2
	until_true 60 nothing_is_pending www
	nobody_has_one # afterwards
	no_core_is_left_of agent keeper
	stop_agent
}

run_tests "$@"
