#!/bin/bash
# state: what is done when state.db is damaged, cut short, gone, another host's or of a
# newer format: it is said, and nothing is lost that the store holds.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

db=state/agent/state.db

www() { # [SETTINGS of the certificate]
	config <<-C
	issuers = ( { name = "lab"; type = "local"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; ${1-} } );
	C
}

sql() { # STATEMENT...
	python3 - "$dir/$db" "$@" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for text in sys.argv[2:]:
	    for row in db.execute(text):
	        print(*row)
	db.commit()
	P
}

spoil() { # FILE AT N: bytes of it become others
	python3 - "$1" "$2" "$3" <<-'P'
	import sys
	f = open(sys.argv[1], "r+b")
	at, n = int(sys.argv[2]), int(sys.argv[3])
	f.seek(at)
	old = f.read(n)
	f.seek(at)
	f.write(bytes(b ^ 0x5a for b in old))
	P
}

# Said in one line, and nothing was done but that.
begun_anew() { # WORDS
	expect 0 everleaf renew
	says err "state.db $1"
	says err "begun anew from what the store holds"
	is 1 "$(wc -l <err)"
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is 1 "$(live www)"
	is "" "$(ls -A state/archive/www | grep -v 0000000001 || :)"
	expect 0 everleaf status --check
	is lab "$(status_of www issuer)"
}

test_a_damaged_head_is_said_and_set_aside() {
	www
	expect 0 everleaf renew
	cp $db before
	spoil $db 0 100
	cp $db spoiled
	expect 0 everleaf status
	says err "state.db is damaged (file is not a database): only what the store holds is shown"
	says out ok
	cmp $db spoiled
	begun_anew "is damaged (file is not a database)"
	cmp spoiled state/agent/state.db.bad-*
}

test_damaged_pages_are_said_and_set_aside() {
	www
	expect 0 everleaf renew
	spoil $db 4096 8192
	expect 0 everleaf plan
	says err "state.db is damaged"
	says out expiring
	begun_anew "is damaged ("
	[ -s state/agent/state.db.bad-* ]
}

# SQLite does not see it.
test_a_moment_that_has_become_another_is_damage() {
	www
	expect 0 everleaf renew
	sql "UPDATE certificate SET not_after = not_after + 1000000000"
	begun_anew "is damaged (a row is not what was written)"
	expect 0 everleaf status --json
	is "$(date -u -d "$(openssl x509 -in state/live/www/cert.pem -noout -enddate | cut -d = -f 2)" +%FT%TZ)" \
		"$(json certificates.0.not_after <out)"
}

test_a_file_that_was_cut_short_is_said() {
	local size
	www
	expect 0 everleaf renew
	for size in 0 10 4096 10000; do
		truncate -s $size $db
		if [ $size = 0 ]; then
			begun_anew "was empty"
		else
			begun_anew "is damaged"
		fi
	done
}

test_a_file_that_is_gone_is_said() {
	www
	expect 0 everleaf renew
	rm -r state/agent
	begun_anew "was missing"
	www
	rm -r state
	expect 0 everleaf renew
	is "" "$(cat err)" # the first run of all
}

test_what_another_host_remembers_is_said_and_set_aside() {
	www
	expect 0 everleaf renew
	mv state other
	expect 0 everleaf renew
	cp other/agent/state.db theirs.db
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE certificate SET flags = 8, sum = NULL") # revoked
db.commit()' theirs.db
	cp theirs.db $db
	! is_root || chown 61001 $db
	expect 0 everleaf status
	says err "state.db is that of another store: only what the store holds is shown"
	begun_anew "is that of another store"
	cmp theirs.db state/agent/state.db.bad-*
}

# A whole store that moves to another machine, or comes from a backup, is itself.
test_a_store_that_was_copied_whole_keeps_what_it_remembers() {
	www
	expect 0 everleaf renew
	cp -a state copy
	rm -r state
	mv copy state
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is 1 "$(events www issued)"
}

test_a_newer_format_is_refused_and_nothing_changed() {
	local command
	www
	expect 0 everleaf renew
	sql "PRAGMA user_version = 10"
	cp $db before
	tree() { find state \( -name 'state.db-*' -o -name lock -o -path state/ca \) -prune -o -type f -printf '%p %T@ %s\n' | sort; }
	tree >tree
	for command in renew "renew --force www" "rollback www" agent; do
		expect 2 everleaf $command
		says err "state.db was written by a newer everleaf (format 10, this is 9): it was left as it is"
		cmp $db before
		tree | cmp tree -
	done
	expect 0 everleaf status
	says out ok
	expect 0 everleaf plan
	cmp $db before
	mv $db $db.newer
	expect 0 everleaf renew
	is_live_of www 1 0
}

test_the_log_of_sqlite_may_be_damaged_lost_or_left_alone() {
	local what
	for what in wal-flipped shm-flipped wal-cut wal-gone alone; do
		rm -rf state
		www
		expect 0 everleaf renew
		# A run that was killed has left its log.
		python3 - "$dir/$db" <<-'P'
		import os, sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.execute("PRAGMA journal_mode = WAL")
		for i in range(50):
		    db.execute("INSERT INTO event (at, name, what, generation, text) VALUES (1, 'www', 'noted', 0, '')")
		    db.commit()
		os._exit(0)
		P
		! is_root || chown 61001 $db-wal $db-shm
		[ -s $db-wal ]
		case $what in
		wal-flipped) spoil $db-wal 100 20000 ;;
		shm-flipped) spoil $db-shm 0 32768 ;;
		wal-cut) truncate -s 9999 $db-wal ;;
		wal-gone) rm $db-wal ;;
		alone) rm $db ;;
		esac
		expect 0 everleaf renew
		[ $what != alone ] || says err "state.db was missing"
		is "" "$(cat out)"
		expect 0 everleaf renew
		is "" "$(cat out err)"
		is 1 "$(live www)"
	done
}

test_damage_that_comes_while_a_run_is_on_begins_it_again() {
	hook spoils <<-'H'
	[ -e "$dir/done" ] || dd if=/dev/urandom of="$dir/state/agent/state.db" bs=4096 seek=1 count=30 conv=notrunc 2>/dev/null
	rm -f "$dir"/state/agent/state.db-*
	touch "$dir/done"
	H
	www 'hooks = "spoils";'
	echo "hooks = ( $(hook_config spoils) );" >>everleaf.conf
	timeout 60 "$BUILD/everleaf" -c everleaf.conf renew >out 2>err || cat err
	expect 0 everleaf renew
	expect 0 everleaf renew
	is "" "$(cat out err)"
	is 1 "$(live www)"
}

test_the_account_at_a_ca_is_that_of_the_store() {
	local key
	start_ca </dev/null
	acme
	expect 0 everleaf renew
	is "1 1" "$(asked account) $(asked order)"
	key=$(sha256sum <state/accounts/ca/account.key)
	rm $db
	expect 0 everleaf renew
	says err "state.db was missing"
	is "1 1" "$(asked account) $(asked order)"
	expect 0 everleaf renew --force www
	is "2 $key" "$(live www) $(sha256sum <state/accounts/ca/account.key)"
	is "1 2" "$(asked account) $(asked order)"
	rm $db
	expect 0 everleaf revoke www # whom it came from stands in the store
	is 1 "$(asked revoke)"
	no_fault
}

# Restored from a backup, or copied: the numbers of our users there are somebody else's here.
test_a_store_of_a_host_with_other_users_is_given_to_ours() {
	is_root || skip "needs root"
	www
	expect 0 everleaf renew
	echo "not ours" >outside
	chown 61009 outside
	ln -s "$dir/outside" state/agent/link
	ln "$dir/outside" state/agent/other-name
	chown -h -R 61005 state
	chown 61009 outside
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	says err "agent: 1 of the files in it were of other users"
	is 61001 "$(stat -c %u state/agent state/agent/state.db | sort -u)"
	is 61002 "$(stat -c %u state/accounts state/ca/local state/ca/local/root.key | sort -u)"
	is 0 "$(stat -c %u state/live state/archive state/ca | sort -u)"
	is 61009 "$(stat -c %u outside)"
	rm state/agent/link state/agent/other-name
	chown 0 state/agent/state.db # as `cp` by root leaves it
	expect 0 everleaf renew --force www
	is_live_of www 3 3
	expect 0 everleaf renew
	is "" "$(cat err)"
}

run_tests "$@"
