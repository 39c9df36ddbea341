#!/bin/bash
# edit: a configuration that is edited while the agent runs is taken up, ten seconds after
# the last change, as if a SIGHUP had come.
. "$(dirname "$0")/../lib.sh"

edited() { # FILE: as editors do it, from stdin
	cat >"$1.new"
	mv "$1.new" "$1"
}

one() { # NAME: its certificate
	echo "certificates = ( { name = \"$1\"; names = \"$1.example.org\"; issuer = \"local\"; } );"
}

test_a_configuration_that_is_edited_is_taken_up_and_one_that_is_not_valid_refused_once() {
	mkdir conf.d
	{ echo 'include = "conf.d/*.conf";'; one first; } | config
	start_agent
	until_true 60 has_live first 1
	one second | edited conf.d/second.conf
	until_true 60 has_live second 1
	is 1 "$(said_times "taken up")"
	echo 'certificates = ( { nomes = "x"; } );' | edited conf.d/third.conf
	until_true 60 said "stays in force"
	says agent.err "nomes"
	one third >conf.d/third.conf # written in place
	until_true 60 has_live third 1
	is "2 1" "$(said_times "taken up") $(said_times "stays in force")"
	echo nothing >conf.d/draft.conf~
	rm conf.d/second.conf
	until_true 60 said "taken up" 3
	is 4 "$(said_times "everleaf.conf: changed")"
	stop_agent
	expect 4 everleaf status second
}

# Nobody has to wait ten seconds for what has just been written.
test_what_is_asked_right_after_an_edit_is_done_by_it() {
	mkdir conf.d
	{ echo 'include = "conf.d/*.conf";'; one first; } | config
	start_agent
	until_true 60 has_live first 1
	until_true 60 agent_runs
	one second | edited conf.d/second.conf
	expect 0 everleaf renew --force second
	says out "second: issued"
	has_live second 1
	is 1 "$(said_times "taken up")"
	expect 0 everleaf status second
	one third | edited conf.d/second.conf
	expect 0 everleaf plan
	says out third
	expect 4 everleaf renew second
	until_true 60 has_live third 1
	stop_agent
}

test_a_folder_of_the_configuration_that_comes_or_is_replaced_is_taken_up() {
	{ echo 'include = "conf.d/*.conf";'; one first; } | config
	start_agent
	until_true 60 has_live first 1
	mkdir new
	one second >new/a.conf
	mv new conf.d
	until_true 60 has_live second 1
	mkdir new
	one third >new/a.conf
	mv conf.d old
	mv new conf.d
	until_true 60 has_live third 1
	ln -s "$dir/elsewhere" conf.d/link.conf
	one fourth | edited elsewhere
	until_true 60 has_live fourth 1
	stop_agent
}

# As a web server's sites: each file is elsewhere, and a link leads to it.
test_thousands_of_files_are_watched_and_what_is_not_is_said() {
	mkdir available enabled
	python3 - <<-'P'
	import os
	for i in range(10000):
	    open(f"available/{i:05}.conf", "w").write("")
	    os.symlink(f"../available/{i:05}.conf", f"enabled/{i:05}.conf")
	P
	{ echo 'include = "enabled/*.conf";'; one first; } | config
	start_agent
	until_true 60 has_live first 1
	is 1 "$(said_times "more than 10000 files; when it")"
	one second | edited available/09000.conf
	until_true 60 has_live second 1
	rm available/00*.conf enabled/00*.conf
	until_true 60 said "taken up" 2
	is 2 "$(said_times "more than 10000 files; when it")"
	stop_agent
}

run_tests "$@"
