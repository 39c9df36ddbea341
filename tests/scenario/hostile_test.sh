#!/bin/bash
# hostile: who owns a folder that we write to puts into it what leads elsewhere or never
# ends, or swaps it under our hands, for $HOSTILE_SECONDS (2; make hostile: 60). Nothing
# outside is written, no run hangs, what is live stays whole, and one run heals it. How many
# runs that were goes to the file $HOSTILE_SAYS.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

seconds=${HOSTILE_SECONDS-2}

everleaf() {
	timeout -k 5 60 "$BUILD/everleaf" -c "$dir/everleaf.conf" "$@"
}

elsewhere() { # a folder that must not change
	mkdir -p elsewhere/below
	echo precious >elsewhere/victim
	echo "as precious" >elsewhere/below/victim
	chmod 600 elsewhere/victim
	touch -d "2001-02-03 04:05:06" elsewhere/victim elsewhere/below/victim elsewhere/below elsewhere
	state_of_elsewhere >elsewhere.was
}

state_of_elsewhere() {
	(cd "$dir/elsewhere" && find . -printf '%p %y %m %u %g %s %t\n' | sort && cat victim below/victim)
}

nothing_outside_was_touched() {
	state_of_elsewhere | diff "$dir/elsewhere.was" - || fail "something outside was touched"
}

www() {
	mkdir -p tls
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local";
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; },
			{ path = "$dir/tls/www.key"; content = "key"; owner = "$(id -u)"; } ); } );
	C
	expect 0 everleaf renew
}

live_is_whole() {
	cat state/live/www/cert.pem state/live/www/chain.pem | cmp - state/live/www/fullchain.pem
	is "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)" \
		"$(openssl pkey -in state/live/www/privkey.pem -pubout)"
}

files_are_what_is_live() {
	cat state/live/www/privkey.pem state/live/www/fullchain.pem | cmp - tls/www.pem
	cmp state/live/www/privkey.pem tls/www.key
	is "600 600" "$(stat -c %a tls/www.pem tls/www.key | xargs)"
	is "www.key www.pem" "$(ls -A tls | xargs)"
}

# What stands in the place of the file is refused, and replaced once it is gone.
refuses() { # NAME
	expect 1 everleaf renew --force www
	says err "not replaced"
	live_is_whole
	is 1 "$(live www)"
	rm -rf "tls/$1"
	expect 0 everleaf renew www
	files_are_what_is_live
	nothing_outside_was_touched
	is "2 of 2" "$(live www) of $(events www issued)"
}

test_a_link_in_the_place_of_a_file_is_refused() {
	elsewhere
	www
	ln -sf "$dir/elsewhere/victim" tls/www.pem
	refuses www.pem
}

test_a_second_name_in_the_place_of_a_file_is_refused() {
	elsewhere
	www
	ln -f "$dir/elsewhere/victim" tls/www.key
	refuses www.key
}

test_a_fifo_in_the_place_of_a_file_is_refused() {
	elsewhere
	www
	rm tls/www.pem
	mkfifo tls/www.pem
	refuses www.pem
}

test_a_device_in_the_place_of_a_file_is_refused() {
	is_root || skip "needs root: no device can be made"
	elsewhere
	www
	rm tls/www.key
	mknod tls/www.key c 1 5
	refuses www.key
}

test_a_folder_in_the_place_of_a_file_is_refused() {
	elsewhere
	www
	rm tls/www.pem
	mkdir tls/www.pem
	refuses www.pem
}

# ... in the place of the draft, which it would be renamed from.
test_what_stands_where_the_draft_goes_is_refused() {
	local how
	elsewhere
	www
	for how in 'ln -s ../elsewhere/victim' 'mkfifo' 'mkdir' 'ln ../elsewhere/victim'; do
		(cd tls && $how .www.pem.everleaf)
		expect 1 everleaf renew --force www
		says err "in the way"
		live_is_whole
		rm -rf tls/.www.pem.everleaf
		expect 0 everleaf renew www
		files_are_what_is_live
		nothing_outside_was_touched
	done
}

swap() { # all|folder|names FOLDER [NAME...]: goes on for a while as process $swapper
	"$tools/swap" "$seconds" "$1" "$2" "$dir/elsewhere" "${@:3}" >swap.out 2>swap.err &
	swapper=$!
	started $swapper
}

# One run after the other as long as it goes on.
runs_meanwhile() { # COMMAND...
	local status
	n_runs=0
	while kill -0 $swapper 2>/dev/null; do
		status=0
		everleaf "$@" >out 2>err </dev/null || status=$?
		[ $status -le 1 ] || {
			cat out err
			fail "ended with $status: $(tail -n 1 err)"
		}
		live_is_whole
		nothing_outside_was_touched
		n_runs=$((n_runs + 1))
	done
	wait $swapper
	is "" "$(cat swap.err)"
	[ $n_runs -gt 0 ] || fail "not one run"
	echo "$n_runs runs, $(cat swap.out): ${FUNCNAME[*]: -4:1}" >>"${HOSTILE_SAYS-/dev/null}"
}

test_a_folder_that_is_swapped_all_the_time_leads_nowhere() {
	elsewhere
	www
	swap all "$dir/tls" www.pem www.key
	runs_meanwhile renew --force www
	expect 0 everleaf renew www
	files_are_what_is_live
	nothing_outside_was_touched
}

# What is put into the folder's place or its NAMEs cannot lead a token elsewhere.
webroot_swapped() { # all|folder|names FOLDER of the web server [NAME...]
	elsewhere
	start_ca <<-S
	S
	acme
	expect 0 everleaf renew
	mkdir -p "www/$2"
	swap "$1" "$dir/www$2" "${@:3}"
	runs_meanwhile renew --force www
	rm -rf www
	mkdir www
	expect 0 everleaf renew www --force
	is_whole www
	nothing_outside_was_touched
}

test_a_webroot_whose_first_folder_is_swapped_all_the_time_leads_nowhere() {
	webroot_swapped folder /.well-known
}

test_a_webroot_whose_second_folder_is_swapped_all_the_time_leads_nowhere() {
	webroot_swapped folder /.well-known/acme-challenge
}

test_a_webroot_that_is_planted_with_traps_leads_nowhere() {
	webroot_swapped names "" .well-known
}

test_a_webroot_whose_second_folder_is_a_trap_leads_nowhere() {
	webroot_swapped all /.well-known acme-challenge
}

run_tests "$@"
