# source: C text as the gates want to see it. Only what perl-base has.
package source;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(product read_text code tokens complain finish);

my $offences = 0;

# The files of the rooms (HACKING.md).
sub product {
	return sort grep { -f } map { glob "$_/*.[ch]" } qw(base store acme ca hooks agent agent/*);
}

sub read_text {
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

sub blank {
	my ($text) = @_;
	$text =~ s/[^\n]/ /g;
	return $text;
}

# The text with comments blanked, and strings and characters too unless `strings`;
# every line keeps its number.
sub code {
	my ($text, $strings) = @_;
	$text =~ s{(/\*.*?\*/|//[^\n]*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')}{
		defined $1 ? blank($1)
		    : $strings ? $2
		    : substr($2, 0, 1) . blank(substr($2, 1, -1)) . substr($2, -1)}gse;
	return $text;
}

# [text, line] of each token, without comments and preprocessor lines.
sub tokens {
	my $text = code($_[0]);
	$text =~ s/^[ \t]*#(?:[^\n]*\\\n)*[^\n]*/blank($&)/gme;
	my ($line, @tokens) = (1);
	while ($text =~ /\G(?:(\n)|[ \t\f]+|(\w+|"[^"]*"|'[^']*'|.))/gs) {
		$line++ if defined $1;
		push @tokens, [$2, $line] if defined $2;
	}
	return @tokens;
}

sub complain {
	my ($file, $line, $what) = @_;
	print "$file:$line: $what\n";
	$offences++;
}

sub finish {
	exit($offences ? 1 : 0);
}

1;
