#!/bin/bash
# watch: what is changed while the agent runs: files of ours, live sets and links, the
# folders that they stand in. Who changes something is left in peace for ten seconds.
. "$(dirname "$0")/../lib.sh"

# Certificates by their names, each with the file tls/NAME.pem.
certs() { # SETTINGS NAME...
	local settings=$1 name
	shift
	mkdir -p tls
	config <<-C
	log = { level = "debug"; };
	defaults = { issuer = "local"; hooks = "tells"; $settings };
	certificates = ( $(for name; do
		echo "{ name = \"$name\"; names = \"$name.example.org\"; files = ( { path = \"$dir/tls/$name.pem\"; content = \"combined\"; } ); }"
	done | paste -sd,) );
	hooks = ( $(hook_config tells 'on = [ "installed", "drift" ];') );
	C
	hook tells <<-'H'
	[ "$EVERLEAF_EVENT" != drift ] || [ "$1" = test ] || for name in $EVERLEAF_NAMES; do
		echo "$name: $EVERLEAF_ERROR" >>"$dir/told"
	done
	H
}

# Started, with all of them live, and what it has noticed by then forgotten.
watching() { # NAME...
	local name
	start_agent
	for name; do
		until_true 60 has_live "$name" 1
		until_true 60 test -s "tls/$name.pem"
		until_true 60 nothing_is_pending "$name"
		cp -p "tls/$name.pem" "$name.good"
	done
	until_true 60 said "files are watched"
}

noticed() { # NAME
	said_times "$1: changed"
}

was_told() { # NAME WORDS
	grep -q "^$1: .*$2" told
}

is_repaired() { # NAME: and that is remembered
	[ "$(events "$1" repaired)" -ge 1 ]
}

is_good() { # NAME
	cmp -s "$1.good" "tls/$1.pem" && [ "$(stat -c '%a %u' "$1.good")" = "$(stat -c '%a %u' "tls/$1.pem")" ]
}

noticed_by() { # inotify or sweep
	[ "$(everleaf status --json | json agent.watching)" = "$1" ]
}

key_is_closed() { # NAME
	[ "$(stat -c %a "state/live/$1/privkey.pem")" = 600 ]
}

test_what_is_changed_is_repaired_and_noticed_once() {
	local all="a b c d e" name
	certs "" $all
	watching $all
	until_true 60 noticed_by inotify
	everleaf status | has "noticed by inotify"
	echo tampered >>tls/a.pem
	rm tls/b.pem
	chmod 666 tls/c.pem
	chmod 644 state/live/d/privkey.pem
	echo of no account >tls/other
	for name in a b c; do
		until_true 60 is_good $name
	done
	until_true 60 key_is_closed d
	for name in a b c d; do
		until_true 60 was_told $name ""
		until_true 60 is_repaired $name
	done
	everleaf history a | has "tls/a.pem: other content"
	everleaf history b | has "tls/b.pem: missing"
	everleaf history c | has "tls/c.pem: other mode"
	everleaf history d | has "live/d/privkey.pem: other mode"
	echo tampered >>tls/e.pem # what we have written ourselves was looked at before that
	until_true 60 is_good e
	until_true 60 was_told e ""
	for name in $all; do
		until_true 60 is_repaired $name
		is "1 1" "$(noticed $name) $(events $name repaired)"
		is_live_of $name 1 1
	done
	stop_agent
	noticed_by null
}

# What the hook was told of, and what is remembered of www: one comes before the other.
reported() { # LINES EVENTS
	[ "$(wc -l <told) $(events www drift)" = "$1 $2" ]
}

test_what_is_to_be_reported_is_reported_once_for_each_change() {
	certs 'on_drift = "report";' www other
	watching www other
	echo tampered >>tls/www.pem
	until_true 60 was_told www "other content"
	cp tls/www.pem before
	until_true 60 reported 1 1
	rm tls/other.pem
	until_true 60 was_told other missing
	is "1 1" "$(events www drift) $(noticed www)"
	cmp before tls/www.pem
	chmod 666 tls/www.pem
	until_true 60 was_told www "other mode"
	until_true 60 reported 3 2
	stop_agent
	reported 3 2
}

# As people do it: one after the other.
test_who_puts_a_newer_pair_there_in_two_steps_is_left_alone() {
	mkdir -p tls
	certs "" www
	sed -i "s|files = .*|files = ( { path = \"$dir/tls/www.pem\"; content = \"fullchain\"; }, { path = \"$dir/tls/www.key\"; content = \"key\"; } ); } );|" everleaf.conf
	watching www
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -subj /CN=other \
		-addext subjectAltName=DNS:www.example.org -keyout new.key -out new.crt 2>/dev/null
	cp new.crt tls/www.pem
	until_true 60 said "www: changed"
	sleep 2
	cp new.key tls/www.key
	until_true 60 was_told www "holds a newer certificate of somebody else"
	cmp new.crt tls/www.pem
	cmp new.key tls/www.key
	is 0 "$(events www repaired)"
	stop_agent
}

test_a_live_link_that_is_moved_or_removed_is_noticed() {
	local old
	certs "" www gone
	watching www gone
	stop_agent
	cp tls/www.pem old
	expect 0 everleaf renew --force www
	start_agent
	until_true 60 said "files are watched"
	ln -sfn ../archive/www/0000000001 state/live/www
	rm state/live/gone
	until_true 60 cmp -s old tls/www.pem # as after any other start
	until_true 60 has_live gone 1
	is_live_of www 1 2
	is_live_of gone 1 1
	stop_agent
}

# Files in folders of their own, way/NAME/tls.
apart() { # NAME...
	local name
	certs "" "$@"
	sed -i "s|$dir/tls/\([a-z]*\).pem|$dir/way/\1/tls/\1.pem|g" everleaf.conf
	for name; do
		mkdir -p "way/$name/tls"
		ln -s "../way/$name/tls/$name.pem" tls/
	done
	watching "$@"
}

is_back() { # NAME: the same as before
	cmp -s "$1.good" "way/$1/tls/$1.pem"
}

test_a_folder_that_is_replaced_removed_or_renamed_above_is_noticed() {
	local all="swapped gone above" name
	apart $all
	mkdir -p new/swapped new/above/tls
	mv way/swapped/tls away
	rm -r way/gone/tls
	mv way/above old
	for name in $all; do
		until_true 60 said "$name: changed"
	done
	mv new/swapped way/swapped/tls
	mv new/above way/above
	mkdir way/gone/tls
	for name in $all; do # by a keeper whose sandbox is of the folders that are there now
		until_true 60 is_back $name
		is_live_of $name 1 1
	done
	stop_agent
}

test_a_folder_that_is_mounted_over_is_noticed() {
	is_root || skip "only root can mount"
	certs "" www
	watching www
	mount -t tmpfs -o mode=755 none tls || skip "nothing can be mounted"
	echo "$dir/tls" >>mounts
	until_true 60 said "www: changed"
	until_true 60 is_good www
	stop_agent
}

test_more_changes_than_the_kernel_keeps_are_all_looked_at() {
	local most
	most=$(cat /proc/sys/fs/inotify/max_queued_events)
	[ "$most" -le 100000 ] || skip "the kernel keeps too many"
	certs "" www
	watching www
	kill -STOP "$(role keeper)"
	for ((i = 0; i <= most / 2; i++)); do
		: >tls/one
		: >tls/two
	done
	echo tampered >>tls/www.pem
	kill -CONT "$(role keeper)"
	until_true 60 is_good www
	says agent.err "all is looked at"
	stop_agent
}

# A user namespace has a limit of its own.
test_beyond_the_limit_of_watches_it_sweeps() {
	certs "" www
	sed -i '/^users = /d' everleaf.conf
	cat >limited <<-'S'
	echo 3 >/proc/sys/user/max_inotify_watches || exit 77
	exec unshare -U --map-user=1000 "$@"
	S
	unshare -Ur sh limited true 2>unshare.err || skip "no user namespaces: $(cat unshare.err)"
	unshare -Ur sh limited "$BUILD/everleaf" -c "$dir/everleaf.conf" agent >agent.out 2>agent.err </dev/null &
	run=$!
	started $run
	until_true 60 test -s tls/www.pem
	until_true 60 said "max_user_watches"
	until_true 60 said "files are swept"
	everleaf() { unshare -Ur sh limited "$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"; }
	until_true 60 noticed_by sweep
	cp tls/www.pem www.good
	echo tampered >>tls/www.pem
	until_true 90 cmp -s www.good tls/www.pem
	is 1 "$(said_times max_user_watches)"
	stop_agent
}

switches() { # of all roles of $run
	cat $(for pid in $(cat "/proc/$run/task/$run/children"); do echo "/proc/$pid/status"; done) /proc/$run/status |
		awk '/voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

nobody_wakes() {
	local before
	before=$(switches)
	sleep 3
	[ "$before" = "$(switches)" ]
}

test_nobody_wakes_while_nothing_changes() {
	certs "" www
	watching www
	until_true 60 nobody_wakes
	stop_agent
}

run_tests "$@"
