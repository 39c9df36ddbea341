/* config: each mistake is named, with its place and what was expected. */
#include "tests/agent/config_fake.h"

#define FIFTY "12345678901234567890123456789012345678901234567890"

static const struct fake_row rows[] = {
	{ "two strings side by side", true, "watch = [ \"/a\"\n \"/b\" ];",
	  "main.conf:2: found two strings side by side, expected a comma between "
	  "them\n" },
	{ "@include", true, "# x\n@include \"conf.d/x.conf\"\n",
	  "main.conf:2: found \"@\", expected the setting include = \"...\" instead of "
	  "@include\n" },
	{ "a trailing comma", true, "watch = [ \"/a\",\n ];",
	  "main.conf:1: found a trailing comma, expected none before the end of a "
	  "list\n" },
	{ "a comment without an end", true, "a = 1;\n/* b",
	  "main.conf:2: found a comment that does not end, expected \"*/\"\n" },
	{ "a string without an end", true, "contact = \"mailto:a@b;\n",
	  "main.conf:1: found a string that does not end, expected \"\\\"\"\n" },
	{ "a syntax error", true, "log = {\n format \"json\"; };",
	  "main.conf:2: found a syntax error, expected name = value; and closed "
	  "brackets\n" },
	{ "a setting twice", true,
	  "contact = \"mailto:a@b\";\ncontact = \"mailto:a@b\";",
	  "main.conf:2: found a setting twice in one group, expected it once\n" },
	{ "mixed types in an array", true, "watch = [ \"/a\", 1 ];",
	  "main.conf:1: found different types in [ ... ], expected one, or a list ( "
	  "... )\n" },
	{ "an unknown setting", true, "certificate = ();",
	  "main.conf:1: certificate: found an unknown setting, did you mean "
	  "\"certificates\"?\n" },
	{ "a setting of the wrong case", true, "Contact = \"mailto:a@b\";",
	  "main.conf:1: Contact: found an unknown setting, did you mean "
	  "\"contact\"?\n" },
	{ "state_dir of a wrong type", true, "state_dir = 1;",
	  "main.conf:1: state_dir: found the number 1, expected an absolute path "
	  "without \"//\", \".\" and \"..\" in it\n" },
	{ "a relative state_dir", true, "state_dir = \"state\";",
	  "main.conf:1: state_dir: found \"state\", expected an absolute path without "
	  "\"//\", \".\" and \"..\" in it\n" },
	{ "state_dir with a slash at its end", true, "state_dir = \"/srv/\";",
	  "main.conf:1: state_dir: found \"/srv/\", expected an absolute path without "
	  "\"//\", \".\" and \"..\" in it\n" },
	{ "state_dir in the place of the system", true, "state_dir = \"/etc\";",
	  "main.conf:1: state_dir: found \"/etc\", expected a folder of its own, not "
	  "one of the system's\n" },
	{ "state_dir where everybody has his own", true, "state_dir = \"/var/lib\";",
	  "main.conf:1: state_dir: found \"/var/lib\", expected a folder of its own, "
	  "not one of the system's\n" },
	{ "runtime_dir of all", true, "\nruntime_dir = \"/run\";",
	  "main.conf:2: runtime_dir: found \"/run\", expected a folder of its own, not "
	  "one of the system's\n" },
	{ "runtime_dir that is no file system", false, "runtime_dir = \"/proc/x\";",
	  "main.conf:1: runtime_dir: found \"/proc/x\", expected a folder of its own, "
	  "not one of the system's\n" },
	{ "log of a wrong type", true, "log = \"json\";",
	  "main.conf:1: log: found \"json\", expected a group { ... }\n" },
	{ "an unknown format", true, "log = { format = \"xml\"; };",
	  "main.conf:1: log.format: found \"xml\", expected one of \"logfmt\" "
	  "\"json\"\n" },
	{ "an unknown level", true, "log = { level = \"trace\"; };",
	  "main.conf:1: log.level: found \"trace\", expected one of \"error\" "
	  "\"warning\" \"info\" \"debug\"\n" },
	{ "http without a port", true, "http = \"127.0.0.1\";",
	  "main.conf:1: http: found \"127.0.0.1\", expected \"127.0.0.1:8080\", "
	  "\"[::]:8080\" or \"unix:/path\"\n" },
	{ "http of a high port", true, "http = \"127.0.0.1:70000\";",
	  "main.conf:1: http: found \"127.0.0.1:70000\", expected \"127.0.0.1:8080\", "
	  "\"[::]:8080\" or \"unix:/path\"\n" },
	{ "http of a low port without root", false, "http = \"127.0.0.1:80\";",
	  "main.conf:1: http: found \"127.0.0.1:80\", expected a port of 1024 or "
	  "above: without root\n" },
	{ "http of a socket with a long path", true,
	  "http = \"unix:/" FIFTY FIFTY FIFTY "\";",
	  "main.conf:1: http: found \"unix:/" FIFTY "1234...\", expected a socket "
	  "whose path has at most 107 bytes: it has 151\n" },
	{ "a path with a name that no file can have", true,
	  "state_dir = \"/srv/" FIFTY FIFTY FIFTY FIFTY FIFTY "123456\";",
	  "main.conf:1: state_dir: found \"/srv/" FIFTY "12345...\", expected a path "
	  "of less than 4096 bytes, with names of at most 255\n" },
	{ "http of a relative socket", true, "http = \"unix:x\";",
	  "main.conf:1: http: found \"unix:x\", expected \"127.0.0.1:8080\", "
	  "\"[::]:8080\" or \"unix:/path\"\n" },
	{ "http of a socket that others can replace", true,
	  "\nhttp = \"unix:/srv/open/x.sock\";",
	  "main.conf:2: http: found \"unix:/srv/open/x.sock\", expected a socket in a "
	  "folder that others cannot write: everybody can write /srv\n" },
	{ "http of a socket that others can make first", true,
	  "http = \"unix:/srv/sticky/x.sock\";",
	  "main.conf:1: http: found \"unix:/srv/sticky/x.sock\", expected a socket in "
	  "a "
	  "folder that others cannot write: everybody can write /srv/sticky (mode "
	  "1777)\n" },
	{ "a user that is not there", true, "users = { agent = \"evergreen\"; };",
	  "main.conf:1: users.agent: found no user \"evergreen\" on this host, "
	  "expected those of sysusers.d/everleaf.conf (systemd-sysusers), or another "
	  "one in users.agent\n" },
	{ "a user by number", true, "users = { agent = 61001; };",
	  "main.conf:1: users.agent: found the number 61001, expected a user, or its "
	  "number in quotes\n" },
	{ "root for a role", true, "users = { keeper = \"0\"; };",
	  "main.conf:1: users.keeper: found root, expected a user without rights\n" },
	{ "two roles of one user", true,
	  "\nusers = { agent = \"61001\"; keeper = \"61002\"; network = \"61001\"; };",
	  "main.conf:2: users: found one user, 61001, for agent and network, expected "
	  "one for each\n" },
	{ "a role of the user that another one has by default", true,
	  "users = { network = \"802\"; };",
	  "main.conf:1: users: found one user, 802, for keeper and network, expected "
	  "one for each\n" },
	{ "users of a wrong type", true, "users = \"everleaf\";",
	  "main.conf:1: users: found \"everleaf\", expected a group { ... }\n" },
	{ "an unknown role", true, "users = { netwrok = \"everleaf\"; };",
	  "main.conf:1: users.netwrok: found an unknown setting, did you mean "
	  "\"network\"?\n" },
	{ "a contact that is none", true, "contact = \"ops@example.org\";",
	  "main.conf:1: contact: found \"ops@example.org\", expected an address such "
	  "as \"mailto:ops@example.org\"\n" },
	{ "terms as a word", true, "agree_terms = \"yes\";",
	  "main.conf:1: agree_terms: found \"yes\", expected true or false\n" },
	{ "watch of a relative path", true, "watch = \"*.pem\";",
	  "main.conf:1: watch: found \"*.pem\", expected an absolute path without "
	  "\"//\", \".\" and \"..\" in it\n" },
	{ "watch of the root", true, "watch = [ \"/etc/a.pem\",\n \"/*/b.pem\" ];",
	  "main.conf:2: watch[1]: found \"/*/b.pem\", expected a pattern such as "
	  "\"/etc/ssl/private/*.pem\", with a folder before its first wildcard and of "
	  "less than 1024 bytes\n" },
	{ "include of a wrong type", true, "include = true;",
	  "main.conf:1: include: found true, expected a pattern such as "
	  "\"conf.d/*.conf\"\n" },
	{ "include that fails", true, "include = \"broken/*\";",
	  "main.conf:1: include: conf.d/a.conf: others can change it\n" },
	{ "an issuer without a name", true, "issuers = { type = \"local\"; };",
	  "main.conf:1: issuers.name: found nothing, expected a name\n" },
	{ "an issuer without a type", true, "issuers = { name = \"x\"; };",
	  "main.conf:1: issuers.x.type: found nothing, expected \"local\", \"acme\", "
	  "\"est\" ...\n" },
	{ "an unknown type", true, "issuers = { name = \"x\"; type = \"acmee\"; };",
	  "main.conf:1: issuers.x.type: found \"acmee\", expected one of \"local\" "
	  "\"self\" \"acme\" \"est\" \"step\" \"cmp\" \"cfssl\" \"exec\"\n" },
	{ "the same issuer twice", true,
	  "issuers = ( { name = \"x\"; type = \"local\"; },\n { name = \"x\"; type = "
	  "\"local\"; } );",
	  "main.conf:2: issuers.x.name: found \"x\" again, expected another name: "
	  "main.conf:1 has it\n" },
	{ "an issuer without a url", true,
	  "issuers = { name = \"x\"; type = \"est\"; };",
	  "main.conf:1: issuers.x.url: found nothing, expected where the CA is\n" },
	{ "acme without TLS", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"http://ca.example/\"; };",
	  "main.conf:1: issuers.x.url: found \"http://ca.example/\", expected a URL "
	  "with https://\n" },
	{ "acme with a user in its url", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = "
	  "\"https://me@ca.example/\"; };",
	  "main.conf:1: issuers.x.url: found \"https://me@ca.example/\", expected "
	  "https://HOST[:PORT]/PATH\n" },
	{ "cfssl with a user in its url", true,
	  "issuers = { name = \"x\"; type = \"cfssl\"; url = "
	  "\"http://me@ca.example/\"; };",
	  "main.conf:1: issuers.x.url: found \"http://me@ca.example/\", expected "
	  "http[s]://HOST[:PORT]/PATH\n" },
	{ "cfssl without a url", true, "issuers = { name = \"x\"; type = \"cfssl\"; };",
	  "main.conf:1: issuers.x.url: found nothing, expected where the CA is\n" },
	{ "a key of cfssl's that others read", true,
	  "issuers = { name = \"x\"; type = \"cfssl\"; url = \"http://ca.example\"; "
	  "auth_key_file = \"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.auth_key_file: found \"/etc/everleaf/open\", "
	  "expected "
	  "a file that others cannot read or change, mode 0600: it has 0644\n" },
	{ "est by http", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"http://ca.example\"; };",
	  "main.conf:1: issuers.x.url: found \"http://ca.example\", expected a URL "
	  "with "
	  "https://\n" },
	{ "a user of est's without a password", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example\"; "
	  "user = \"web\"; };",
	  "main.conf:1: issuers.x.password_file: found nothing, expected the "
	  "password of user\n" },
	{ "a password of est's that others read", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example\"; "
	  "user = \"web\"; password_file = \"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.password_file: found \"/etc/everleaf/open\", "
	  "expected "
	  "a file that others cannot read or change, mode 0600: it has 0644\n" },
	{ "a certificate for est without its key", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example\"; "
	  "certificate_file = \"/etc/everleaf/secret\"; };",
	  "main.conf:1: issuers.x.key_file: found nothing, expected the key of "
	  "certificate_file\n" },
	{ "a key for est that others read", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example\"; "
	  "certificate_file = \"/etc/everleaf/secret\"; key_file = "
	  "\"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.key_file: found \"/etc/everleaf/open\", expected a "
	  "file that others cannot read or change, mode 0600: it has 0644\n" },
	{ "step without who vouches", true,
	  "issuers = { name = \"x\"; type = \"step\"; url = \"https://ca.example\"; };",
	  "main.conf:1: issuers.x.provisioner: found nothing, expected who vouches for "
	  "the "
	  "first certificate\n"
	  "main.conf:1: issuers.x.password_file: found nothing, expected the password "
	  "of "
	  "the provisioner's key; or certificate_file and key_file, where it is of "
	  "type X5C\n" },
	{ "a certificate for step without its key", true,
	  "issuers = { name = \"x\"; type = \"step\"; url = \"https://ca.example\"; "
	  "provisioner = \"x5c\"; certificate_file = \"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.key_file: found nothing, expected the key of "
	  "certificate_file\n" },
	{ "a key for step that others read", true,
	  "issuers = { name = \"x\"; type = \"step\"; url = \"https://ca.example\"; "
	  "provisioner = \"x5c\"; key_file = \"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.key_file: found \"/etc/everleaf/open\", expected a "
	  "file "
	  "that "
	  "others cannot read or change, mode 0600: it has 0644\n" },
	{ "both ways of step", true,
	  "issuers = { name = \"x\"; type = \"step\"; url = \"https://ca.example\"; "
	  "provisioner = \"x5c\"; certificate_file = \"/etc/everleaf/open\";\n "
	  "key_file = "
	  "\"/etc/everleaf/secret\"; password_file = \"/etc/everleaf/secret\"; };",
	  "main.conf:2: issuers.x.password_file: found certificate_file and "
	  "password_file, "
	  "expected only one of them\n" },
	{ "a provisioner for est", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example\"; "
	  "provisioner = \"admin\"; };",
	  "main.conf:1: issuers.x.provisioner: found a setting that does not belong "
	  "here\n" },
	{ "a key of cfssl's for acme", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "auth_key_file = \"/etc/everleaf/open\"; };",
	  "main.conf:1: issuers.x.auth_key_file: found a setting that does not belong "
	  "here\n" },
	{ "nobody who asks a CMP server first", true,
	  "issuers = { name = \"x\"; type = \"cmp\"; url = \"http://ca.example/\"; };",
	  "main.conf:1: issuers.x.reference: found nothing, expected who enrols first: "
	  "reference and secret_file, or certificate_file and key_file\n"
	  "main.conf:1: issuers.x.trust: found nothing, expected the CA's roots: "
	  "without "
	  "a secret it cannot prove them\n" },
	{ "half of who asks a CMP server first", true,
	  "issuers = { name = \"x\"; type = \"cmp\"; url = \"http://ca.example/\"; "
	  "reference = \"web\"; };",
	  "main.conf:1: issuers.x.secret_file: found nothing, expected the secret of "
	  "reference\n"
	  "main.conf:1: issuers.x.trust: found nothing, expected the CA's roots: "
	  "without "
	  "a secret it cannot prove them\n" },
	{ "a url that is none", true,
	  "issuers = { name = \"x\"; type = \"cfssl\"; url = \"ca.example\"; };",
	  "main.conf:1: issuers.x.url: found \"ca.example\", expected a URL with "
	  "http:// or https://\n" },
	{ "a setting of another type", true,
	  "issuers = { name = \"x\"; type = \"local\"; url = \"https://ca.example/\"; "
	  "};",
	  "main.conf:1: issuers.x.url: found a setting that does not belong here\n" },
	{ "a profile that is needed and not named", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://a/\"; "
	  "need_profile = true; };",
	  "main.conf:1: issuers.x.profile: found nothing, expected the one that is "
	  "needed\n" },
	{ "eab without a key", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "eab = { kid = \"k\"; }; };",
	  "main.conf:1: issuers.x.eab.key_file: found nothing, expected the path of "
	  "the key that the CA gave\n" },
	{ "an eab key that others read", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "eab = { kid = \"k\"; key_file = \"/etc/everleaf/open\"; }; };",
	  "main.conf:1: issuers.x.eab.key_file: found \"/etc/everleaf/open\", expected "
	  "a file that others cannot read or change, mode 0600: it has 0644\n" },
	{ "anchors that are not there", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example/\"; "
	  "trust = \"/none\"; };",
	  "main.conf:1: issuers.x.trust: found \"/none\", expected a file: No such "
	  "file or directory\n" },
	{ "a fingerprint that is too short", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example/\"; "
	  "trust = \"sha256:01:23\"; };",
	  "main.conf:1: issuers.x.trust: found \"sha256:01:23\", expected \"sha256:\" "
	  "and 64 hexadecimal digits\n" },
	{ "roots of a CA that names none", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "trust = \"from-issuer\"; };",
	  "main.conf:1: issuers.x.trust: found \"from-issuer\", expected a file: this "
	  "type of issuer names no roots\n" },
	{ "roots that nobody proves", true,
	  "issuers = { name = \"x\"; type = \"cfssl\"; url = \"http://ca.example/\"; "
	  "trust = \"from-issuer\"; };",
	  "main.conf:1: issuers.x.trust: found \"from-issuer\", expected a file or a "
	  "fingerprint: by http nobody proves what it names\n" },
	{ "a source address that is none", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example/\"; "
	  "source_address = \"eth0\"; };",
	  "main.conf:1: issuers.x.source_address: found \"eth0\", expected an "
	  "address\n" },
	{ "none in parallel", true,
	  "issuers = { name = \"x\"; type = \"est\"; url = \"https://ca.example/\"; "
	  "parallel = 0; };",
	  "main.conf:1: issuers.x.parallel: found the number 0, expected a number from "
	  "1 to 1000\n" },
	{ "a limit without a span", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "limits = { orders = \"300\"; }; };",
	  "main.conf:1: issuers.x.limits.orders: found \"300\", expected a number and "
	  "a "
	  "span such as \"300/3h\" or \"5/7d\", or \"none\"\n" },
	{ "a limit of nothing", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "limits = { set = \"0/7d\"; }; };",
	  "main.conf:1: issuers.x.limits.set: found \"0/7d\", expected a number and a "
	  "span such as \"300/3h\" or \"5/7d\", or \"none\"\n" },
	{ "a limit that reaches too far back", true,
	  "issuers = { name = \"x\"; type = \"acme\"; url = \"https://ca.example/\"; "
	  "limits = { failures = \"5/8d\"; }; };",
	  "main.conf:1: issuers.x.limits.failures: found \"5/8d\", expected a span "
	  "from "
	  "1m to 7d\n" },
	{ "limits of the embedded CA", true,
	  "issuers = { name = \"x\"; type = \"local\"; limits = { set = \"5/7d\"; }; "
	  "};",
	  "main.conf:1: issuers.x.limits: found a setting that does not belong "
	  "here\n" },
	{ "a subject that is none", true,
	  "issuers = { name = \"x\"; type = \"local\"; subject = \"Lab CA\"; };",
	  "main.conf:1: issuers.x.subject: found \"Lab CA\", expected a name such as "
	  "\"CN=Lab CA,O=Example\": subject \"Lab CA\": \"Lab CA\" where CN=, O=, OU=, "
	  "C=, ST=, L=, STREET=, DC= or UID= is expected\n" },
	{ "a lifetime of nothing", true,
	  "issuers = { name = \"x\"; type = \"local\"; lifetime = \"0s\"; };",
	  "main.conf:1: issuers.x.lifetime: found \"0s\", expected a span from 1s to "
	  "36500d\n" },
	{ "a lifetime without a unit", true,
	  "issuers = { name = \"x\"; type = \"local\"; lifetime = \"90\"; };",
	  "main.conf:1: issuers.x.lifetime: found \"90\", expected a span such as "
	  "\"30d\", \"12h\", \"90m\" or \"45s\"\n" },
	{ "a leaf that outlives its CA", true,
	  "issuers = { name = \"x\"; type = \"local\"; lifetime = \"30d\"; ca_lifetime "
	  "= \"1d\"; };",
	  "main.conf:1: issuers.x: found a lifetime longer than the CA's own, expected "
	  "ca_lifetime to be at least lifetime\n" },
	{ "an intermediate that cannot be", true,
	  "issuers = { name = \"x\"; type = \"local\"; intermediate = true; "
	  "path_length = 0; };",
	  "main.conf:1: issuers.x.path_length: found the number 0, expected at least "
	  "1, or no intermediate\n" },
	{ "a constraint that is none", true,
	  "issuers = { name = \"x\"; type = \"local\"; permitted = \"*.example.org\"; "
	  "};",
	  "main.conf:1: issuers.x.permitted: found \"*.example.org\", expected "
	  "\"example.org\", \"10.0.0.0/8\", \"2001:db8::/32\", \"email:example.org\" "
	  "or \"uri:example.org\"\n" },
	{ "bits behind a prefix", true,
	  "issuers = { name = \"x\"; type = \"local\"; excluded = \"10.0.0.1/8\"; };",
	  "main.conf:1: issuers.x.excluded: found \"10.0.0.1/8\", expected "
	  "\"example.org\", \"10.0.0.0/8\", \"2001:db8::/32\", \"email:example.org\" "
	  "or \"uri:example.org\"\n" },
	{ "a hook without a name", true, "hooks = { run = \"/bin/true\"; };",
	  "main.conf:1: hooks.name: found nothing, expected a name\n" },
	{ "a hook that does nothing", true, "hooks = { name = \"x\"; };",
	  "main.conf:1: hooks.x.run: found nothing, expected a program and its "
	  "arguments\n" },
	{ "a program that is not there", true,
	  "hooks = { name = \"x\"; run = \"/bin/none\"; };",
	  "main.conf:1: hooks.x.run: found the program \"/bin/none\", expected one to "
	  "run: No such file or directory\n" },
	{ "a program that is not in PATH", true,
	  "hooks = { name = \"x\"; run = [ \"none\", \"-t\" ]; };",
	  "main.conf:1: hooks.x.run: found the program \"none\", expected one to run: "
	  "No such file or directory\n" },
	{ "a command line in one string", true,
	  "hooks = { name = \"x\"; run = \"systemctl reload app\"; };",
	  "main.conf:1: hooks.x.run: found the program \"systemctl reload app\", "
	  "expected one to run: No such file or directory; each argument is a string "
	  "of its own, as in [ \"a\", \"b\" ]\n" },
	{ "a relative program", true, "hooks = { name = \"x\"; run = \"bin/true\"; };",
	  "main.conf:1: hooks.x.run: found the program \"bin/true\", expected an "
	  "absolute path\n" },
	{ "a program that others write", true,
	  "hooks = { name = \"x\"; run = \"/opt/open-hook\"; };",
	  "main.conf:1: hooks.x.run: found the program \"/opt/open-hook\", expected "
	  "one to run: others can change it: group 50 can write /opt\n" },
	{ "a program where none runs", true,
	  "hooks = { name = \"x\"; run = \"/media/noexec\"; };",
	  "main.conf:1: hooks.x.run: found the program \"/media/noexec\", expected one "
	  "to run: its file system is mounted with noexec\n" },
	{ "a program that cannot run", true,
	  "hooks = { name = \"x\"; run = \"/opt/no-hook\"; };",
	  "main.conf:1: hooks.x.run: found the program \"/opt/no-hook\", expected one "
	  "to run: it cannot be executed\n" },
	{ "an empty program", true, "hooks = { name = \"x\"; run = []; };",
	  "main.conf:1: hooks.x.run: found an empty list, expected a program and its "
	  "arguments\n" },
	{ "a hook's unknown user", true,
	  "hooks = { name = \"x\"; run = \"/bin/true\"; user = \"nobody-here\"; };",
	  "main.conf:1: hooks.x.user: found \"nobody-here\", expected a user of this "
	  "host\n" },
	{ "a hook's user without root", false,
	  "hooks = { name = \"x\"; run = \"/bin/true\"; user = \"root\"; };",
	  "main.conf:1: hooks.x.user: found \"root\", expected none: without root "
	  "nothing can belong to others\n" },
	{ "a timeout too long", true,
	  "hooks = { name = \"x\"; run = \"/bin/true\"; timeout = \"1d\"; };",
	  "main.conf:1: hooks.x.timeout: found \"1d\", expected a span from 1s to "
	  "1h\n" },
	{ "an unknown event", true,
	  "hooks = { name = \"x\"; run = \"/bin/true\"; on = \"renewed\"; };",
	  "main.conf:1: hooks.x.on: found \"renewed\", expected one of \"installed\" "
	  "\"rolled-back\" \"failed\" \"expiring\" \"revoked\" \"not-served\" "
	  "\"drift\" \"clock\" \"crl-updated\" \"crl-stale\" \"root-refused\"\n" },
	{ "an unknown on_failure", true,
	  "hooks = { name = \"x\"; run = \"/bin/true\"; on_failure = \"ignore\"; };",
	  "main.conf:1: hooks.x.on_failure: found \"ignore\", expected one of \"keep\" "
	  "\"rollback\"\n" },
	{ "the same hook twice", true,
	  "hooks = ( { name = \"x\"; run = \"/bin/true\"; },\n { name = \"x\"; run = "
	  "\"/bin/true\"; } );",
	  "main.conf:2: hooks.x.name: found \"x\" again, expected another name: "
	  "main.conf:1 has it\n" },
	{ "a CRL without anything", true, "crls = { name = \"x\"; };",
	  "main.conf:1: crls.x.url: found nothing, expected where the CRL is\n"
	  "main.conf:1: crls.x: found neither, expected either ca or bundle\n" },
	{ "a CRL with two CAs", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "bundle = \"/etc/everleaf/ca.pem\"; };",
	  "main.conf:1: crls.x: found both, expected either ca or bundle\n" },
	{ "a CRL of a CA behind a link that leads nowhere", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/srv/app/to-none\"; };",
	  "main.conf:1: crls.x.ca: found \"/srv/app/to-none\", expected a file: it is "
	  "a "
	  "link to what is not there\n" },
	{ "a CRL of a pipe", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/srv/app/pipe\"; };",
	  "main.conf:1: crls.x.ca: found \"/srv/app/pipe\", expected a file: it is a "
	  "pipe, a socket or a device\n" },
	{ "a CRL with a content", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "files = { path = \"/srv/app/x\"; content = \"key\"; }; };",
	  "main.conf:1: crls.x.files.content: found \"key\", expected one of \"crl\" "
	  "\"der\" \"combined\" \"hashed\"\n" },
	{ "a CRL with a key's setting", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "files = { path = \"/srv/app/x\"; format = \"der\"; }; };",
	  "main.conf:1: crls.x.files.format: found a setting that does not belong "
	  "here\n" },
	{ "a bundle as DER", true,
	  "crls = { name = \"x\"; url = \"file:///srv/x\"; bundle = "
	  "\"/etc/everleaf/ca.pem\"; "
	  "files = { path = \"/srv/app/x\"; content = \"der\"; }; };",
	  "main.conf:1: crls.x.files: found content \"der\", expected another one: it "
	  "holds one CRL, and a bundle is of several CAs\n" },
	{ "a CRL in a file that is nowhere", true,
	  "crls = { name = \"x\"; url = \"file://x\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "};",
	  "main.conf:1: crls.x.url: found \"file://x\", expected a URL with http://, "
	  "https:// or file:///\n" },
	{ "a CRL's size", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "max_size = 10; };",
	  "main.conf:1: crls.x.max_size: found the number 10, expected a size such as "
	  "\"10M\" or \"1G\"\n" },
	{ "a policy of a file that there is not", true,
	  "crls = { name = \"x\"; url = \"http://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "files = { path = \"/srv/app/a\"; on_stale = \"drop\"; }; };",
	  "main.conf:1: crls.x.files.on_stale: found \"drop\", expected one of "
	  "\"keep\" "
	  "\"remove\"\n" },
	{ "a CRL over ldap", true,
	  "crls = { name = \"x\"; url = \"ldap://a/\"; ca = \"/etc/everleaf/ca.pem\"; "
	  "};",
	  "main.conf:1: crls.x.url: found \"ldap://a/\", expected a URL with http:// "
	  "or https://\n" },
};

static void each_mistake_is_named(void **state)
{
	(void)state;
	fake_refuses(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_host_without_the_users_is_told_where_they_come_from(void **state)
{
	struct fake f = { .no_users = true };
	int fd = -1;

	(void)state;
	assert_int_equal(fake_compile(&f, true, "", 0, &fd), ERR_CONFIG);
	assert_string_equal(
	    fake_said(&f),
	    "main.conf:1: users: found no user \"everleaf\" on this host, expected "
	    "those of sysusers.d/everleaf.conf (systemd-sysusers), or another one in "
	    "users.agent\n"
	    "main.conf:1: users: found no user \"everleaf-keeper\" on this host, "
	    "expected "
	    "those of sysusers.d/everleaf.conf (systemd-sysusers), or another one in "
	    "users.keeper\n"
	    "main.conf:1: users: found no user \"everleaf-net\" on this host, expected "
	    "those "
	    "of sysusers.d/everleaf.conf (systemd-sysusers), or another one in "
	    "users.network\n");
	fake_done(&f);
	fd = -1;
	f = (struct fake){ .no_users = true };
	assert_int_equal(fake_compile(&f, false, "", 0, &fd), 0); /* not needed then */
	close(fd);
	fake_done(&f);
}

static void an_included_file_holds_lists_only(void **state)
{
	static const char *const included[] = { "conf.d/a.conf",
						"\nstate_dir = \"/x\";",
						"conf.d/b.conf", "watch = (;", NULL };
	static const char text[] = "include = \"conf.d/*\";";
	struct fake f = { .included = included };
	int fd = -1;

	(void)state;
	assert_int_equal(fake_compile(&f, true, text, strlen(text), &fd), ERR_CONFIG);
	assert_string_equal(
	    fake_said(&f),
	    "conf.d/b.conf:1: found a syntax error, expected name = value; and closed "
	    "brackets\n"
	    "conf.d/a.conf:2: state_dir: found a setting that does not belong here\n");
	fake_done(&f);
}

static void an_error_in_two_files_names_both(void **state)
{
	static const char *const included[] = {
		"conf.d/a.conf",
		"\n\ncertificates = { names = \"a.example\"; issuer = \"local\"; };",
		NULL
	};
	static const char text[] =
	    "include = \"conf.d/*\";\n"
	    "certificates = { names = \"a.example\"; issuer = \"local\"; };";
	struct fake f = { .included = included };
	int fd = -1;

	(void)state;
	assert_int_equal(fake_compile(&f, true, text, strlen(text), &fd), ERR_CONFIG);
	assert_string_equal(fake_said(&f), "conf.d/a.conf:3: certificates.a.example: "
					   "found \"a.example\" again, expected "
					   "another name: main.conf:2 has it\n");
	fake_done(&f);
}

static void a_nul_byte_is_not_the_end(void **state)
{
	static const char text[] = "watch = \"/a\";\n\0state_dir = 1;";
	struct fake f = { 0 };
	int fd = -1;

	(void)state;
	assert_int_equal(fake_compile(&f, true, text, sizeof(text) - 1, &fd),
			 ERR_CONFIG);
	assert_string_equal(fake_said(&f),
			    "main.conf:2: found a NUL byte, expected text\n");
	fake_done(&f);
}

static void a_pattern_that_leads_nowhere_yet_is_a_warning(void **state)
{
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, "watch = [ \"/etc/*.pem\",\n \"/etc/ssl/*.pem\" ];", &s);
	assert_string_equal(fake_warned(&f),
			    "main.conf:2: watch[1]: there is no /etc/ssl now\n");
	assert_int_equal(s.n[SPEC_WATCH], 2);
	fake_done(&f);
}

static void there_are_so_many_patterns_and_no_more(void **state)
{
	AUTO_BUF struct buf text = { 0 };
	struct fake f = { 0 };
	AUTO_FD int fd = -1;

	(void)state;
	buf_puts(&text, "watch = [ \"/etc/*\"");
	for (int i = 0; i < 100; i++)
		buf_printf(&text, ",\n\"/etc/%d\"", i);
	buf_puts(&text, " ];");
	assert_int_not_equal(fake_compile(&f, true, text.data, text.len, &fd), 0);
	assert_string_equal(fake_said(&f),
			    "main.conf:101: watch[100]: found "
			    "\"/etc/99\", expected 100 patterns at most\n");
	fake_done(&f);
}

/* Bytes at random, and a good file with some of them: never a crash. */
static void any_bytes_are_read_or_refused(void **state)
{
	static const char good[] =
	    "defaults = { issuer = \"local\"; };\n"
	    "certificates = ( { names = [ \"a.example\" ]; renew = { before = \"1/3\"; "
	    "};"
	    " probe = ( \"[::1]:443\", { connect = \"a:1\"; } ); keep = 3; } );\n"
	    "hooks = ( { name = \"x\"; run = [ \"/bin/true\" ]; timeout = \"3s\"; } "
	    ");\n";
	static const char odd[] = "\"\\/*#(){}[],;=:@\n\0\xff-1aZ.";
	uint64_t seed = 20261121;
	unsigned taken = 0;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		char text[sizeof(good)];
		struct fake f = { 0 };
		int fd = -1;

		memcpy(text, good, sizeof(good));
		for (int n = round % 4; n >= 0; n--) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			text[(seed >> 33) % (sizeof(text) - 1)] =
			    odd[(seed >> 20) % sizeof(odd)];
		}
		if (fake_compile(&f, true, text, sizeof(text) - 1, &fd) == 0) {
			AUTO_SPEC struct spec s = { 0 };
			struct err e;

			assert_int_equal(spec_map(fd, &s, &e), 0);
			close(fd);
			taken++;
		} else {
			assert_string_not_equal(fake_said(&f), "");
		}
		fake_done(&f);
	}
	assert_in_range(taken, 50, 4000);
}

static void an_issuer_that_could_not_issue_is_a_warning_beside_one_that_can(
    void **state)
{
	static const char text[] =
	    "agree_terms = true;\n"
	    "certificates = ( { names = \"a.example\"; allow_private = true;\n"
	    "  issuer = [ \"letsencrypt\", \"local\" ]; } );\n";
	struct fake f = { 0 };
	AUTO_SPEC struct spec s = { 0 };

	(void)state;
	fake_spec(&f, true, text, &s);
	assert_string_equal(
	    fake_warned(&f),
	    "main.conf:2: certificates.a.example: found nothing that shows "
	    "\"letsencrypt\" that its names are ours, expected challenge = { type = "
	    "\"http-01\"; ... }\n");
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_named),
		cmocka_unit_test(a_host_without_the_users_is_told_where_they_come_from),
		cmocka_unit_test(an_included_file_holds_lists_only),
		cmocka_unit_test(an_error_in_two_files_names_both),
		cmocka_unit_test(a_nul_byte_is_not_the_end),
		cmocka_unit_test(a_pattern_that_leads_nowhere_yet_is_a_warning),
		cmocka_unit_test(there_are_so_many_patterns_and_no_more),
		cmocka_unit_test(
		    an_issuer_that_could_not_issue_is_a_warning_beside_one_that_can),
		cmocka_unit_test(any_bytes_are_read_or_refused),
	};

	return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
