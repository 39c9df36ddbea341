#!/bin/bash
# fuzz: each target of tests/fuzz with all of its seeds, and then for FUZZ_SECONDS (1) with
# inputs that are made from them, always the same ones as far as the time goes. `make fuzz`
# takes longer and others.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
with=$build/san # a build that can only replay
[ -d "$with/tests/fuzz" ] || with=$build
fuzzers=$build/fuzz/tests/fuzz
work=$(mktemp -d "${TMPDIR:-/tmp}/everleaf-test.XXXXXX")
trap 'rm -rf "$work"' EXIT

why() { # of what failed
	grep -m 1 -E 'ERROR: |Assertion|runtime error: |No such file' "$work/log" ||
		tail -n 1 "$work/log"
}

replay() { # TARGET
	if timeout 300 "$with/tests/fuzz/${1}_fuzz" "tests/fuzz/seeds/$1" >"$work/log" 2>&1; then
		echo "ok $1: its seeds: $(tail -n 1 "$work/log")"
	else
		echo "not ok $1: its seeds: $(why)"
		cat "$work/log"
	fi
}

# Who reads such input, and whether all that it does then may be done in its sandbox. A
# build with sanitizers has none. (A list comes to a worker in a file that it is given; here
# the reader makes one, as of a worker's calls and that one only config may.)
sandbox_of() { # TARGET
	case $1 in
	acme | cfssl | cmp | dns | est | http | json | starttls | step) echo worker ;;
	config | crl | inspect | names) echo config ;;
	chain | exec | message | snapshot | state | text) echo agent ;;
	key | local | tsig) echo keeper ;;
	hello | http01) echo responder ;;
	esac
}

confine() { # TARGET
	local kind
	kind=$(sandbox_of "$1")
	[ -n "$kind" ] || return 0 # who reads it has none
	if timeout 300 "$build/tests/fuzz/${1}_fuzz" --in "$kind" "tests/fuzz/seeds/$1" >"$work/log" 2>&1; then
		echo "ok $1: its seeds in the sandbox of $kind: $(tail -n 1 "$work/log")"
	else
		echo "not ok $1: its seeds in the sandbox of $kind: status $? $(why)"
	fi
}

fuzz() { # TARGET SECONDS SEED: status of libFuzzer
	mkdir -p "$work/$1"
	timeout $(($2 + 300)) "$fuzzers/${1}_fuzz" -seed="$3" -max_total_time="$2" -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="$work/found-" "$work/$1" \
		$([ ! -d "tests/fuzz/seeds/$1" ] || echo "tests/fuzz/seeds/$1") >"$work/log" 2>&1
}

make_up() { # TARGET
	if [ ! -x "$fuzzers/${1}_fuzz" ]; then
		echo "skip $1: made up inputs: no libFuzzer"
	elif fuzz "$1" "${FUZZ_SECONDS:-1}" 1; then
		echo "ok $1: $(grep '^Done' "$work/log")"
	else
		echo "not ok $1: $(why)"
		grep -v '^#[0-9]' "$work/log" | tail -n 60
		base64 "$work"/found-* 2>/dev/null
	fi
}

# If this one is not found, no other is.
planted() {
	if [ ! -x "$fuzzers/planted_fuzz" ]; then
		echo "skip planted: no libFuzzer"
	elif fuzz planted 120 1; then
		echo "not ok planted: a read behind the end was not found in 120 s"
	elif grep -q 'AddressSanitizer: heap-buffer-overflow' "$work/log"; then
		echo "ok planted: a read behind the end is found"
	else
		echo "not ok planted: $(why)"
	fi
}

planted
for source in tests/fuzz/*_fuzz.c; do
	target=$(basename "$source" _fuzz.c)
	[ "$target" != planted ] || continue
	replay "$target"
	confine "$target"
	make_up "$target"
done
