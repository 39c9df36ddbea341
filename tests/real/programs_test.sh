#!/bin/bash
# programs: what the programs of each dialect do, beside each other: `does_CASE` is what one does,
# `saw_CASE` what must come of it. HOOKS=all takes each case in each dialect (make hooks); else each
# is in some. How its client calls a program is compared with that client in real/dialect_test.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_dialects.sh"

# -- what a program does, and what must come of it --

# SETTINGS of it, beside what it does.
slow='timeout = "1s";'

does_let_go() { # of all it was given, and goes on
	echo 'answer; exec <&- >&- 2>&-; sleep 0.2; : >"$said/$me.ended"; exit 0'
}
saw_let_go() {
	[ -e "said/$1.ended" ] && is_well "$1"
}

does_flood() { # the log, and ends well
	echo 'head -c 3000000 /dev/zero | tr "\0" x >&2; yes a line | head -n 30000 >&2; answer'
}
saw_flood() {
	is_well "$1" && has_said "$1" "more bytes of output not kept"
}

does_stay() { # in the background, with its output held
	cat <<-'S'
	( setsid sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 600' "$said/$me.$call.pid" & )
	until [ -e "$said/$me.$call.pid" ]; do sleep 0.05; done
	answer
	S
}
saw_stay() {
	is_well "$1" && kill -0 $(cat "said/$1".*.pid)
}

does_hang() { # with a process that has left its session, and neither will hear
	cat <<-'S'
	trap '' TERM HUP INT
	( setsid sh -c 'trap "" TERM HUP; echo $$ >"$0"; while :; do sleep 1; done' "$said/$me.$call.pid" & )
	while :; do sleep 1; done
	S
}
settings_hang=$slow
saw_hang() {
	has_said "$1" "ran longer than 1s" && is_gone $(cat "said/$1".*.pid)
}

does_write_on() { # without end
	echo 'yes endless >&2'
}
settings_write_on=$slow
saw_write_on() {
	has_said "$1" "ran longer than 1s"
}

does_die() { # by a signal
	echo 'kill -SEGV $$'
}
saw_die() {
	has_said "$1" "killed by signal 11"
}

does_fail() { # with words
	echo 'echo "no luck: $(echo words)" >&2; exit 3'
}
saw_fail() { # certbot does not mind, uacme goes on to another
	case $1 in
	certbot-* | cleanup-*) is_live "$1" && has_said "$1" "exited with 3: no luck: words; that means nothing in its dialect" ;;
	uacme-*) grep -q "$1.example.org: the CA offers" err ;;
	*) has_said "$1" "exited with 3: no luck: words" ;;
	esac
}

# What is done to it while it runs, for its second call.
spoil() { # COMMANDS
	echo "[ \$call != 1 ] || { $1; later; }; answer"
}

does_go() { spoil 'rm "$file"'; }
saw_go() { has_said "$1" "exited with 127"; }

does_turn_folder() { spoil 'rm "$file"; mkdir "$file"'; }
saw_turn_folder() { has_said "$1" "exited with 127"; }

does_open() { spoil 'chmod 777 "$file"'; }
saw_open() { has_said "$1" "exited with 127" && has_said "$1" "others can write"; }

does_pass() { spoil 'chown 61006 "$file"'; } # to another user
saw_pass() { has_said "$1" "exited with 127" && has_said "$1" "belongs to user 61006"; }

does_turn_text() { spoil 'echo "touch $said/pwned" >"$file.new"; chmod 755 "$file.new"; mv "$file.new" "$file"'; }
saw_turn_text() { has_said "$1" "exited with 126" && has_said "$1" "Exec format error"; }

does_want_another() { spoil 'sed "1s|.*|#!/no/such/shell|" "$file" >"$file.new"; chmod 755 "$file.new"; mv "$file.new" "$file"'; }
saw_want_another() { has_said "$1" "exited with 126" && has_said "$1" "No such file"; }

does_lock() { spoil 'chmod 644 "$file"'; }
saw_lock() { has_said "$1" "exited with 126" && has_said "$1" "Permission denied"; }

does_change() { # what is there next is run next, and this goes on to its end
	cat <<-'S'
	[ $call != 1 ] || {
		sed 's/^call=1$/& by=another/' "$file" >"$file.new"
		chmod 755 "$file.new"
		mv "$file.new" "$file"
		: >"$said/$me.ended"
		later
	}
	: >"$said/$me.by.${by-the same}"
	answer
	S
}
saw_change() {
	[ -e "said/$1.ended" ] && [ -e "said/$1.by.another" ] && is_well "$1"
}

cases="let_go flood stay hang write_on die fail go turn_folder open turn_text want_another lock change $(! is_root || echo pass)"

# A file of acme.sh is read by a shell, not run.
is_for_all() { # CASE
	case $1 in
	turn_text | want_another | lock) [ "$dialect" != acme.sh ] ;;
	esac
}

is_live() { # ME
	[ -e "$odd/state/live/$1/cert.pem" ]
}

is_well() { # ME: and there is no failure of its own
	is_live "$1" && [ -z "$(said_of "$1" | grep -E 'exited with|killed by|ran longer|not started')" ]
}

said_of() { # ME, of itself or its file of acme.sh
	grep -e "${1//-/[-_]}" err
}

has_said() { # ME WORDS
	[ -n "$(said_of "$1" | grep -F -- "$2")" ]
}

is_gone() { # PID...
	local pid
	for pid; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done
}

add_case() { # CASE
	local me=$name-${1//_/-} file settings=settings_$1
	is_for_all "$1" || return 0
	program "$me" < <("does_$1")
	add "$me" "$(dq "$file")" "${!settings-}"
	echo "$me $1" >>pairs
}

add_sample() { # of the cases, for this row
	local case n=0
	for case in $cases; do
		[ "${HOOKS-}" != all ] && [ $(((n + row) % 8)) != 0 ] || add_case "$case"
		n=$((n + 1))
	done
	row=$((row + 1))
}

test_what_a_program_does_comes_to_the_same_in_every_dialect() {
	local row=0 me case wrong=
	odd_place
	start_ca </dev/null
	begin_config
	for_each_row add_sample
	end_config
	expect 1 everleaf renew
	cat said/*.pid >pids 2>/dev/null || :
	while read -r me case; do
		"saw_$case" "$me" || wrong+=" $me"
	done <pairs
	echo "$(wc -l <pairs) of them"
	[ -z "$wrong" ] || fail "not as it must be:$wrong"
	[ "$(stat -c %s err)" -lt $((200000 * $(wc -l <pairs))) ]
	[ ! -e pwned ] && [ ! -e said/pwned ]
}

run_tests "$@"
