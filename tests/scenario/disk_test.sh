#!/bin/bash
# disk: full, slow, read-only, failing, and changed under a run's feet. What is
# mounted here is so in a mount namespace of this suite's own. (Each call that fails in
# turn: tests/crash.)
if [ "$(id -u)" = 0 ] && [ -z "${OWN_MOUNTS-}" ] && unshare -m true 2>/dev/null; then
	OWN_MOUNTS=1 exec unshare -m --propagation private "$0" "$@"
fi
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

PATH=$PATH:/usr/sbin:/sbin

# -- places --

mounted() { # FOLDER mount's ARGUMENTS...: for this case
	local on=$dir/$1
	shift
	[ -n "${OWN_MOUNTS-}" ] || skip "needs root and a mount namespace"
	mkdir -p "$on"
	mount "$@" "$on" || skip "this kernel or this machine does not mount: $*"
	echo "$on" >>"$dir/mounts"
}

tmpfs() { # FOLDER OPTIONS
	mounted "$1" -t tmpfs -o "mode=755,$2" none
}

ext4() { # FOLDER MEGABYTES [OPTIONS of mount [of mkfs]]
	truncate -s "$2M" "$dir/disk.img"
	mkfs.ext4 -q -m 0 ${4-} "$dir/disk.img" || skip "no mkfs.ext4"
	mounted "$1" -o "loop${3:+,$3}" "$dir/disk.img"
}

# All but N KiB of the file system of FOLDER.
fill() { # FOLDER N
	local free
	free=$(($(stat -f -c '%a * %S / 1024' "$1")))
	head -c "$((free - $2))k" /dev/zero >"$1/filler"
}

# Every inode but N.
fill_inodes() { # FOLDER N
	local i free
	free=$(stat -f -c %d "$1")
	mkdir "$1/fillers"
	for ((i = $2 + 1; i < free; i++)); do
		: >"$1/fillers/$i"
	done
}

www() { # [SETTINGS]: a certificate with its files below tls/
	mkdir -p tls
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; ${1-}
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; },
			{ path = "$dir/tls/www.key"; content = "key"; } ); } );
	C
}

with_hook() { # its program is on stdin; it is there from now on
	hook web
	www 'hooks = "web";'
	echo "hooks = ( $(hook_config web) );" >>everleaf.conf
}

# -- what must hold --

whole() { # NUMBER: that generation is live, with its files, and nothing lies about
	is "$1" "$(live www)"
	cat state/live/www/privkey.pem state/live/www/fullchain.pem | cmp - tls/www.pem
	cmp state/live/www/privkey.pem tls/www.key
	is "$(openssl x509 -in tls/www.pem -noout -pubkey)" "$(openssl pkey -in tls/www.key -pubout)"
	is "" "$(find state/archive tls -name '.*')"
}

# A run that fails for REASON, orders nothing, and leaves generation 1 as it was.
fails_and_keeps() { # REASON [COMMAND...]
	local why=$1
	shift
	[ $# -gt 0 ] || set -- renew www --force
	cp -p tls/www.pem before
	expect 1 everleaf "$@"
	says err "$why"
	is 1 "$(live www)"
	cmp before tls/www.pem
	cmp state/live/www/privkey.pem tls/www.key
}

heals() { # [NUMBER]: one run of the named, and generation 2 is in its place
	expect 0 everleaf renew www --force
	whole "${1-2}"
}

everleaf() {
	timeout -k 5 60 "$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"
}

# -- full --

test_a_full_disk_below_the_state_orders_nothing() {
	tmpfs state size=4m
	www
	expect 0 everleaf renew
	fill state 60
	fails_and_keeps "the disk is full"
	is 1 "$(events www issued)"
	rm state/filler
	heals
}

test_a_disk_without_one_byte_left_keeps_what_is_live() {
	tmpfs state size=4m
	www
	expect 0 everleaf renew
	fill state 0
	fails_and_keeps "No space left"
	is 1 "$(events www issued)"
	rm state/filler
	heals
}

test_a_disk_without_inodes_orders_nothing() {
	tmpfs state size=8m,nr_inodes=100
	www
	expect 0 everleaf renew
	fill_inodes state 9
	fails_and_keeps "inodes free"
	is 1 "$(events www issued)"
	rm -r state/fillers
	heals
}

# An index of the database that was begun there is no agent's.
test_what_is_known_is_shown_on_a_full_disk() {
	local what
	tmpfs state size=4m
	www
	expect 0 everleaf renew
	fill state 0
	for what in "status" "status --check" plan history crl; do
		expect 0 everleaf $what
	done
}

# The file system of the database alone.
own_disk_of_the_agent() {
	tmpfs state 'size=4m'
	mkdir state/agent
	mount -t tmpfs -o mode=700,size=1m none state/agent
	echo "$dir/state/agent" >>mounts
	! is_root || chown 61001:61001 state/agent
}

# What is live is known from the disk, though nothing of it could be remembered.
test_a_disk_of_the_database_that_fills_up_with_the_hook_costs_no_second_order() {
	own_disk_of_the_agent
	with_hook <<-'H'
	[ "$1" = test ] || [ -e "$dir/full" ] || { touch "$dir/full"; dd if=/dev/zero of="$dir/state/agent/filler" 2>/dev/null; }
	exit 0
	H
	start_agent
	until_true 60 said "nothing that happens can be remembered"
	until_true 90 said "www: failed: "
	is 0000000001 "$(ls state/archive/www)"
	is 1 "$(live www)"
	status_of www generation
	rm state/agent/filler
	until_true 180 said "what happens is remembered again"
	until_true 60 eval '[ "$(ran web "run installed")" = 2 ]'
	until_true 60 nothing_is_pending www
	whole 1
	is 1 "$(said_times "nothing that happens can be remembered")"
	stop_agent
}

# The row of a certificate that waits to be installed is kept in memory.
test_a_disk_of_the_database_that_fills_up_after_the_order_costs_no_second_order() {
	own_disk_of_the_agent
	with_hook <<-'H'
	[ -e "$dir/full" ] || { touch "$dir/full"; dd if=/dev/zero of="$dir/state/agent/filler" 2>/dev/null; }
	exit 0
	H
	start_agent
	until_true 60 said "nothing that happens can be remembered"
	until_true 60 said "www: failed: "
	is 0000000001 "$(ls state/archive/www)"
	not test -e state/live/www
	rm state/agent/filler
	until_true 240 has_live www 1
	until_true 60 nothing_is_pending www
	whole 1
	is 0000000001 "$(ls state/archive/www)"
	is 1 "$(said_times "nothing that happens can be remembered")"
	stop_agent
}

test_a_full_disk_of_the_database_orders_nothing() {
	own_disk_of_the_agent
	www
	start_agent
	until_true 60 has_live www 1
	until_true 60 nothing_is_pending www
	fill state/agent 0
	for _ in 1 2 3; do
		fails_and_keeps "$dir/state/agent: the disk is full: "
		is 0000000001 "$(ls state/archive/www)"
	done
	rm state/agent/filler
	heals
	stop_agent
}

test_a_full_folder_of_a_file_orders_nothing() {
	tmpfs tls size=512k
	www
	expect 0 everleaf renew
	fill tls 16
	fails_and_keeps "the disk is full"
	is 1 "$(events www issued)"
	rm tls/filler
	heals
}

# The hook's test comes after the order and before the switch.
test_a_disk_that_fills_up_after_the_order_costs_no_second_one() {
	tmpfs tls size=512k
	with_hook <<-'H'
	[ "$1" != test ] || [ ! -e "$dir/now" ] || dd if=/dev/zero of="$dir/tls/filler" 2>/dev/null || :
	H
	expect 0 everleaf renew
	touch now
	fails_and_keeps "No space left"
	is 2 "$(events www issued)"
	rm now tls/filler
	expect 0 everleaf renew www
	whole 2
	is 2 "$(events www issued)"
}

# Each sync takes long; a run has some twenty.
test_a_disk_that_is_slow_is_waited_for() {
	strace -o traced true || skip "strace (Debian: strace) cannot trace here"
	www
	expect 0 everleaf renew
	ASAN_OPTIONS=detect_leaks=0 expect 0 strace -f -qq -o traced -e trace=fsync,fdatasync \
		-e inject=fsync,fdatasync:delay_enter=200000 "$BUILD/everleaf" -c everleaf.conf renew www --force
	[ "$(grep -c DELAYED traced)" -ge 10 ]
	whole 2
	is 2 "$(events www issued)"
}

test_a_quota_that_is_used_up_keeps_what_is_live() {
	command -v mkfs.btrfs >/dev/null || skip "no mkfs.btrfs"
	truncate -s 120M disk.img
	mkfs.btrfs -q -f disk.img
	mounted state -t btrfs -o loop "$dir/disk.img"
	www
	expect 0 everleaf renew
	btrfs -q quota enable state
	btrfs -q qgroup limit 500k state
	dd if=/dev/zero of=state/filler bs=4k conv=fsync 2>/dev/null || :
	fails_and_keeps "quota exceeded"
	btrfs -q qgroup limit none state
	expect 0 everleaf renew www --force
	is "$(live www)" "$(events www issued)"
}

# -- read-only --

test_a_state_that_is_read_only_is_said_and_heals() {
	tmpfs state size=4m
	www
	expect 0 everleaf renew
	mount -o remount,ro state
	fails_and_keeps "Read-only file system"
	expect 0 everleaf status
	expect 0 everleaf plan
	mount -o remount,rw state
	heals
}

test_a_folder_of_a_file_that_is_read_only_goes_back_and_heals() {
	tmpfs tls size=512k
	www
	expect 0 everleaf renew
	mount -o remount,ro tls
	fails_and_keeps "Read-only file system"
	mount -o remount,rw tls
	expect 0 everleaf renew www
	whole 2
	is 2 "$(events www issued)"
}

test_an_immutable_folder_is_said_and_heals() {
	ext4 tls 8
	www
	expect 0 everleaf renew
	rmdir tls/lost+found
	chattr +i tls || skip "nothing can be made immutable here"
	fails_and_keeps "Operation not permitted"
	chattr -i tls
	expect 0 everleaf renew www
	whole 2
}

test_an_immutable_file_is_said_and_heals() {
	ext4 tls 8
	www
	expect 0 everleaf renew
	rmdir tls/lost+found
	chattr +i tls/www.pem || skip "nothing can be made immutable here"
	fails_and_keeps "Operation not permitted"
	chattr -i tls/www.pem
	expect 0 everleaf renew www
	whole 2
}

# Of what is old each as far as it can be; and again when the next is pruned.
test_what_cannot_be_removed_is_passed_over_and_tried_again() {
	local n
	ext4 state 16
	rmdir state/lost+found
	www 'keep = 1;'
	expect 0 everleaf renew
	chattr +i state/archive/www/0000000001/cert.pem || skip "nothing can be made immutable here"
	expect 0 everleaf renew www --force
	says err "prune www: not all of it can be removed"
	says err "remove .old.0000000001/cert.pem: Operation not permitted"
	is "cert.pem" "$(ls state/archive/www/.old.0000000001)"
	mount --bind state/archive/www/0000000002 state/archive/www/0000000002
	echo "$dir/state/archive/www/0000000002" >>mounts
	for n in 3 4 5; do
		expect 0 everleaf renew www --force
		says err "rename 0000000002 to .old.0000000002: Device or resource busy"
		not grep -q "cert.pem: Operation" err # that was said
	done
	is "0000000002 0000000005" "$(ls state/archive/www | xargs)"
	umount state/archive/www/0000000002
	chattr -i state/archive/www/.old.0000000001/cert.pem
	heals 6
	is "0000000006" "$(ls -A state/archive/www)"
}

# -- folders that change between runs --

test_a_folder_that_is_gone_is_an_error_of_configuration_and_heals() {
	www
	expect 0 everleaf renew
	mv tls away
	expect 2 everleaf renew --force www
	says err "$dir/tls"
	is 1 "$(live www)"
	mv away tls
	heals
}

test_a_folder_that_was_replaced_gets_its_files() {
	www
	expect 0 everleaf renew
	mv tls away
	mkdir tls
	expect 0 everleaf renew
	whole 1
}

test_a_folder_that_was_mounted_over_gets_its_files() {
	www
	expect 0 everleaf renew
	tmpfs tls size=512k
	expect 0 everleaf renew
	whole 1
}

test_a_folder_that_belongs_to_others_gets_its_files_all_the_same() {
	is_root || skip "needs root: nothing can be given to others"
	www
	expect 0 everleaf renew
	chown 61010:61010 tls
	chmod 500 tls
	heals
	is 61010 "$(stat -c %u tls)"
}

# -- ... and while a run is on --

# Do what is in $dir/swap once, between the order and the switch.
swapped_by_hook() {
	with_hook <<-'H'
	[ "$1" = test ] && [ -e "$dir/swap" ] && mv "$dir/swap" "$dir/swapped" && . "$dir/swapped"
	exit 0
	H
	expect 0 everleaf renew
	cat >swap
}

test_a_folder_that_is_replaced_while_a_run_is_on_gets_its_files() {
	swapped_by_hook <<-'S'
	mv "$dir/tls" "$dir/away" && mkdir "$dir/tls"
	S
	expect 0 everleaf renew --force www
	says err "begins anew"
	is 1 "$(grep -c "begins anew" err)"
	whole 2
	is 2 "$(events www issued)"
}

test_a_folder_that_is_mounted_over_while_a_run_is_on_gets_its_files() {
	[ -n "${OWN_MOUNTS-}" ] || skip "needs root and a mount namespace"
	swapped_by_hook <<-'S'
	mount -t tmpfs -o size=512k none "$dir/tls"
	S
	echo "$dir/tls" >>mounts
	expect 0 everleaf renew --force www
	is 1 "$(grep -c "begins anew" err)"
	whole 2
	is 2 "$(events www issued)"
}

test_a_folder_that_is_removed_while_a_run_is_on_goes_back_and_heals() {
	swapped_by_hook <<-'S'
	mv "$dir/tls" "$dir/away"
	S
	expect 1 everleaf renew --force www
	says err "No such file or directory"
	is 1 "$(live www)"
	mv away tls
	expect 0 everleaf renew www
	whole 2
	is 2 "$(events www issued)"
}

# Landlock refuses whoever begins again, too: a link is never followed.
test_a_folder_that_becomes_a_link_while_a_run_is_on_is_not_followed() {
	mkdir elsewhere
	swapped_by_hook <<-'S'
	mv "$dir/tls" "$dir/away" && ln -s "$dir/elsewhere" "$dir/tls"
	S
	expect 1 everleaf renew --force www
	says err "symbolic link"
	is "" "$(ls -A elsewhere)"
	is 1 "$(live www)"
	rm tls
	mv away tls
	expect 0 everleaf renew www
	whole 2
}

test_a_password_that_is_replaced_while_a_run_is_on_is_read() {
	(umask 077 && echo secret >pass)
	swapped_by_hook <<-'S'
	(umask 077 && echo another >"$dir/pass.new") && mv "$dir/pass.new" "$dir/pass"
	S
	sed -i "s|content = \"key\";|content = \"pkcs12\"; password_file = \"$dir/pass\";|" everleaf.conf
	expect 0 everleaf renew --force www
	is "begins anew" "$(grep -o "begins anew" err)"
	openssl pkcs12 -in tls/www.key -passin pass:another -nokeys -out /dev/null
	is 2 "$(live www)"
}

# Of three authorizations the second waits for its answer, until ca/stop is gone.
begin_an_order() {
	start_ca <<<"authz 2 hold stop"
	acme 'names = [ "a.example.org", "b.example.org", "c.example.org" ];'
	touch ca/stop
	everleaf renew >out 2>err </dev/null &
	run=$!
	started $run
	until_true 60 test -e ca/stop.here
}

order_succeeds_with_another_keeper() {
	rm ca/stop
	wait $run || fail "$(tail -n 1 err)"
	is 1 "$(grep -c "begins anew" err)"
	is 1 "$(live www)"
	is_whole www
	[ "$(asked order)" -le 2 ]
	no_fault
	is "" "$(find www -type f)"
}

test_a_webroot_that_is_replaced_while_an_order_is_under_way_gets_its_tokens() {
	begin_an_order
	mv www away
	mkdir www
	order_succeeds_with_another_keeper
}

test_a_webroot_that_is_mounted_over_while_an_order_is_under_way_gets_its_tokens() {
	[ -n "${OWN_MOUNTS-}" ] || skip "needs root and a mount namespace"
	begin_an_order
	tmpfs www size=512k
	order_succeeds_with_another_keeper
}

test_a_webroot_that_is_removed_while_an_order_is_under_way_is_named() {
	begin_an_order
	mv www away
	rm ca/stop
	not wait $run
	says err "$dir/www: open it: No such file"
	mv away www
	expect 0 everleaf renew www
	is_whole www
	is "" "$(find www -type f)"
}

run_tests "$@"
