# lib_dialects: a table of every kind of program that everleaf runs, and a configuration with any
# number of programs of each kind. To be sourced after lib.sh, lib_acme.sh and lib_pki.sh.
#
# A row is a dialect. What is said of a row is in $name, $where, $dialect, $type, $words and
# $variables of for_each_row, what was added last in $file. All of it stands in $odd.

# Which setting it is, its dialect and what it shows; the arguments of its first call; and its
# variables beside PATH, LANG, HOME and EVERLEAF_RUN. SECRET is a token, a digest or half of a key
# authorization.
rows() {
	local hook="EVERLEAF_EVENT EVERLEAF_HOOK EVERLEAF_COUNT EVERLEAF_NAMES EVERLEAF_NAME EVERLEAF_DOMAINS
		EVERLEAF_DIR EVERLEAF_CERT EVERLEAF_KEY EVERLEAF_CHAIN EVERLEAF_FULLCHAIN EVERLEAF_SERIAL
		EVERLEAF_FINGERPRINT EVERLEAF_NOT_AFTER EVERLEAF_WHY RENEWED_LINEAGE RENEWED_DOMAINS"
	local ours="EVERLEAF_NAME EVERLEAF_CHALLENGE EVERLEAF_IDENTIFIER EVERLEAF_TOKEN EVERLEAF_AUTHORIZATION EVERLEAF_VALUE"
	local certbot="CERTBOT_DOMAIN CERTBOT_IDENTIFIER CERTBOT_VALIDATION CERTBOT_ALL_DOMAINS CERTBOT_ALL_IDENTIFIERS
		CERTBOT_REMAINING_CHALLENGES"
	local uacme="UACME_METHOD UACME_TYPE UACME_IDENT UACME_TOKEN UACME_AUTH UACME_VERBOSE"
	local dehydrated="CHALLENGETYPE COMMAND alias altnames"
	local helper="CERTMONGER_OPERATION CERTMONGER_CA_NICKNAME CERTMONGER_CSR CERTMONGER_REQ_SUBJECT CERTMONGER_REQ_HOSTNAME"
	tr -s '\t\n' ' ' <<-R | sed 's/; */\n/g'
	run hook run - - $hook;
	test hook test - - $hook;
	own challenge everleaf dns-01 present $ours EVERLEAF_RECORD;
	own-http challenge everleaf http-01 present $ours;
	certbot challenge certbot dns-01 - $certbot;
	certbot-http challenge certbot http-01 - $certbot CERTBOT_TOKEN;
	cleanup cleanup certbot dns-01 - $certbot CERTBOT_AUTH_OUTPUT;
	uacme challenge uacme dns-01 begin,dns-01,NAME,SECRET,SECRET $uacme;
	uacme-http challenge uacme http-01 begin,http-01,NAME,SECRET,SECRET.SECRET $uacme;
	dehydrated challenge dehydrated dns-01 deploy_challenge,NAME,SECRET,SECRET $dehydrated;
	chain challenge dehydrated-chain dns-01 deploy_challenge,NAME,SECRET,SECRET,b.NAME,SECRET,SECRET $dehydrated;
	lego challenge lego dns-01 present,_acme-challenge.NAME.,SECRET;
	lego-raw challenge lego-raw dns-01 present,--,NAME,SECRET,SECRET.SECRET;
	acme-sh challenge acme.sh dns-01 _acme-challenge.NAME,SECRET,NAME+b.NAME LE_WORKING_DIR;
	exec issuer everleaf - - EVERLEAF_ISSUER EVERLEAF_STEP EVERLEAF_NAME EVERLEAF_DOMAINS EVERLEAF_WHY;
	helper issuer certmonger - - $helper;
	R
}

# -- programs --

sq() { # WORD, for a shell
	printf "'%s'" "$(sed "s/'/'\\\\''/g" <<<"$1")"
}

dq() { # WORD, for the configuration
	local word=${1//\\/\\\\}
	printf '"%s"' "${word//\"/\\\"}"
}

# Where programs and the state are: nothing in this name may mean anything to anybody.
odd_place() {
	odd="$dir/o  dd;\$(touch $dir/pwned)\`touch $dir/pwned\`'\"*?[a]{b,c}&|<>#~!%n%s=\\é日"
	mkdir -p "$odd/dnsapi" "$dir/said"
	chmod 1777 "$dir/said"
	echo text >said/odd
	openssl_ca ca
	chmod 644 ca.key
	cat >"$odd/acme.sh" <<-S
	CERT_HOME=$dir/said
	_initpath() { DOMAIN_PATH=; }
	S
}

# What all programs know: \`answer\` is what ends well with them, \`later\` what has them called
# again, \`call\` which call this is, from 1.
words_of_programs() { # ME FILE
	cat <<-S
	me=$1 file=$(sq "$2")
	said=$dir/said
	S
	cat <<-'S'
	call=1
	while ! mkdir "$said/$me.$call" 2>/dev/null; do call=$((call + 1)); done
	S
	case $where in
	issuer)
		cat <<-S
		later() {
			echo 1
			echo handle
			exit $([ "$dialect" = certmonger ] && echo 5 || echo 75)
		}
		answer() { (
			cd "\$said/\$me.\$call" && cat >request
			{ openssl req -in request -noout -text | grep -A1 'Subject Alternative' | tail -n 1
			  echo basicConstraints=critical,CA:FALSE
			} | sed '1s/^ */subjectAltName=/' >extensions
			openssl x509 -req -in request -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAserial serial \\
				-CAcreateserial -days 20 -extfile extensions 2>/dev/null
		); }
		S
		;;
	*)
		cat <<-'S'
		later() { exit 0; }
		answer() { :; }
		S
		;;
	esac
}

# The program of one case in one dialect: $file.
program() { # ME, what it does on stdin
	local name=${1//[^a-z0-9]/_}
	if [ "$dialect" = acme.sh ]; then
		file=$odd/dnsapi/dns_$name.sh
		{
			echo "dns_${name}_add() {"
			words_of_programs "$1" "$file"
			cat
			printf '}\ndns_%s_rm() {\n"dns_%s_add" "$@"\n}\n' "$name" "$name"
		} >"$file"
	else
		file=$odd/$1
		{
			echo '#!/bin/sh'
			words_of_programs "$1" "$file"
			cat
		} >"$file"
	fi
	chmod 755 "$file"
	[ "$where" != cleanup ] || {
		printf '#!/bin/sh\ncat "%s/said/odd"\n' "$dir" >"$odd/$1.before"
		chmod 755 "$odd/$1.before"
	}
}

# -- the configuration --

# What was added, in the lists that it belongs to.
begin_config() {
	hooks= issuers= certificates=
}

# A certificate ME whose PROGRAM is that of the row.
add() { # ME WORDS SETTINGS of the program
	local by='issuer = "local"' words="[ $2 ]" name="\"$1.example.org\", \"b.$1.example.org\""
	case $where in
	hook)
		by+="; hooks = \"$1\""
		hooks+="{ name = \"$1\"; test = $words;
			$([ "$dialect" = test ] || echo "run = $words;") on_failure = \"keep\"; ${3-} },"
		;;
	challenge)
		by="issuer = \"acme\"; challenge = { type = \"$type\"; hook = $words; dialect = \"$dialect\"; ${3-} }"
		;;
	cleanup)
		by="issuer = \"acme\"; challenge = { type = \"$type\"; hook = $(dq "$odd/$1.before");
			cleanup = $words; dialect = \"$dialect\"; ${3-} }"
		;;
	issuer)
		by="issuer = \"$1\""
		issuers+="{ name = \"$1\"; type = \"exec\"; program = $words; dialect = \"$dialect\"; trust = \"$dir/ca.pem\"; ${3-} },"
		;;
	esac
	certificates+="{ name = \"$1\"; names = [ $name ]; $by; },"
}

# To be called when all are added.
end_config() {
	{
		[ -z "${url-}" ] || issuers="{ name = \"acme\"; type = \"acme\"; url = \"$url\"; trust = \"$trust\"; }${issuers:+, $issuers}"
		echo "contact = \"mailto:ops@example.org\"; agree_terms = true;"
		echo "issuers = ( ${issuers%,} ); hooks = ( ${hooks%,} ); certificates = ( ${certificates%,} );"
	} | config
	sed -i "1s|state_dir = \"[^\"]*\"|state_dir = $(dq "$odd/state" | sed 's/[\\&|]/\\&/g')|" everleaf.conf
}

for_each_row() { # COMMAND...: with name, where, dialect, type, words, variables
	local name where dialect type words variables
	while read -r name where dialect type words variables <&5; do
		"$@"
	done 5< <(rows)
}

# Words that mean something to a shell, to printf, to a parser of options or to a reader.
odd_words() {
	cat <<-'W'
	a b
	 a
	a 
	"
	'
	"quoted"
	it's
	`touch pwned`
	$(touch pwned)
	${HOME}
	$HOME
	$0
	$$
	$((1+1))
	; touch pwned
	| touch pwned
	& touch pwned
	&& touch pwned
	> pwned
	< /etc/passwd
	<(id)
	!!
	#
	# a
	~
	~root
	*
	?
	[a-z]*
	{a,b}
	/*
	../..
	.
	/
	-
	--
	-c
	-e
	-n
	-rf
	-rf /
	--help
	--option=value
	=
	=a
	a=b
	PATH=/tmp
	LD_PRELOAD=/tmp/x.so
	IFS=x
	ENV=/tmp/x
	() { :; }; touch pwned
	BASH_FUNC_ls%%=() { touch pwned; }
	\
	\\
	\n
	\x41
	\0
	a\ b
	%n
	%s%s%s
	%%
	{{ name }}
	$EVERLEAF_KEY
	@file
	:
	,
	ü
	日本語
	xn--mnchen-3ya.example
	́
	🗝
	W
	printf '\u202e\n\ufeff\n\u200b\n\u2028\n'
	head -c 60000 /dev/zero | tr '\0' x
	echo
}
