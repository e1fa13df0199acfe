# scripts/check: each check is shown to pass on a clean tree and to fail on one
# with a single fault in it.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

delete $ENV{BUILD_DIR};    # of the tree that is tested, not of this one
my $root = abs_path(dirname(__FILE__) . '/..');

sub tree {
    my (%files) = @_;
    my $dir = tempdir(CLEANUP => 1);
    for my $name (keys %files) {
        make_path(dirname("$dir/$name"));
        open my $out, '>:raw', "$dir/$name" or die "cannot write $name: $!\n";
        print $out $files{$name};
        close $out;
        chmod 0755, "$dir/$name" if $name =~ m{^scripts/};
    }
    return $dir;
}

sub check {
    my ($name, %files) = @_;
    my $dir = tree(%files);
    my $said = `'$root/scripts/check' --root '$dir' $name 2>&1`;
    return ($? >> 8, $said);
}

my $style = do { local (@ARGV, $/) = "$root/.clang-format"; <> };
my $head = "/* A file. */\n";
my $ok = "${head}int\nsellify_one(void)\n{\n    return 1;\n}\n";
my $long = "${head}int\nf(void)\n{\n" . "    f();\n" x 120 . "}\n";

my %good = (
    '.clang-format' => $style,
    'core/a.c' => $ok,
    'core/clock.c' => "${head}long\nf(void)\n{\n    return time(0);\n}\n",
    'core/rng.c' => "${head}int\nf(void)\n{\n    return RAND_bytes(0, 0);\n}\n",
    'worker/store/a.c' => "${head}#include <sqlite3.h>\nconst char *q = \"SELECT 1\";\n",
    'worker/settings.c' => "${head}const char *n = \"SELLIFY_DB\";\n",
    'worker/r.c' => "${head}http_route_t r[] = { { HTTP_GET, \"/a/{id}\", 1 } };\n",
    'worker/metrics.c' => "${head}const char *m = \"sellify_a_total\";\n",
    'worker/x.c' => "${head}/* time( SELECT // */\nconst char *s = \"// time(0)\";\nint uptime(int);\n",
    'ngx_sellify_module/m.c' => "${head}#include \"../core/a.h\"\nstatic ngx_command_t c[] = {\n"
        . "    { ngx_string(\"sellify_one\"), NGX_HTTP_LOC_CONF, 0 },\n};\n"
        . "v = { ngx_string(\"sellify_variable\"), NULL };\n",
    'docs/directives.md' => "# Directives\n\n## sellify_one\n",
    'docs/settings.md' => "| setting |\n|---|\n| `SELLIFY_DB` | x |\n",
    'docs/api.md' => "| GET /a/{id} | worker | x |\n| GET /b | worker | later |\n\n"
        . "## Metrics\nsellify_a_total{x}\n\n## Other\nsellify_not_a_metric\n",
    'conf/a.json' => "{}\n",
    't/data/a.jsonl' => "{}\n{\"a\":1}\n",
    'scripts/a' => "#!/bin/sh\necho yes\n",
    't/a.t' => "use strict;\n1;\n",
    'README.md' => "[api](docs/api.md) [web](https://example.org)\n",
);

my ($status, $said) = check(
    'comments sizes names clocks sql includes symbols directives settings'
        . ' routes metrics json scripts links', %good);
is($status, 0, 'a clean tree passes') or diag $said;

# check, what is broken, file, its text, what must be said
for my $case (
    ['comments', 'a // comment', 'core/a.c', "${head}int a; // no\n", qr{core/a.c:2: a // comment}],
    ['comments', 'a file without a word', 'core/a.c', "int a;\n", qr/does not open/],
    ['sizes', 'a long file', 'core/a.c', $head . "int a;\n" x 901, qr/902 lines/],
    ['sizes', 'a long function', 'core/a.c', $long, qr/function of 122 lines/],
    ['names', 'a file named util', 'core/str_util.c', $ok, qr/str_util.c/],
    ['clocks', 'time()', 'worker/a.c', "${head}int t(void)\n{\n    return time (0);\n}\n", qr/worker.a.c:4: time\(\)/],
    ['clocks', 'clock_gettime()', 'core/a.c', "${head}int a = clock_gettime(0, 0);\n", qr/clock_gettime/],
    ['clocks', 'a sleep', 'worker/a.c', "${head}int a = usleep(1);\n", qr/usleep/],
    ['clocks', 'random()', 'ngx_sellify_module/a.c', "${head}int a = ngx_random();\n", qr/ngx_random/],
    ['sql', 'SQL in flow', 'worker/flow/a.c', "${head}const char *q =\n    \"SELECT x FROM y\";\n", qr{worker/flow/a.c:3: SQL}],
    ['sql', 'sqlite3 in the worker', 'worker/a.c', "${head}int a = sqlite3_step(0);\n", qr/sqlite3_step/],
    ['sql', 'a cipher in the worker', 'worker/a.c', "${head}int a = EVP_EncryptInit_ex(0);\n", qr/EVP_Encrypt/],
    ['includes', 'core includes the worker', 'core/a.c', "$head#include \"../worker/worker.h\"\n", qr/core includes/],
    ['includes', 'the module includes the worker', 'ngx_sellify_module/a.c', "$head#include \"../worker/log.h\"\n", qr/module includes/],
    ['includes', 'the worker includes nginx', 'worker/a.c', "$head#include <ngx_core.h>\n", qr/worker includes/],
    ['includes', 'flow includes a provider', 'worker/flow/a.c', "$head#include \"../ai/openai.h\"\n", qr/providers belong/],
    ['includes', 'core prints', 'core/a.c', "${head}int a = printf(\"x\");\n", qr/printf/],
    ['directives', 'a directive without a word', 'docs/directives.md', "# D\n", qr/sellify_one is not in/],
    ['directives', 'a directive that is not', 'docs/directives.md', "## sellify_one\n## sellify_two\n", qr/sellify_two is not in the code/],
    ['directives', 'no document at all', 'docs/directives.md', undef, qr/is missing/],
    ['settings', 'a setting without a word', 'docs/settings.md', "none\n", qr/SELLIFY_DB is not in/],
    ['settings', 'a setting of a provider without a word', 'worker/settings.c',
        "${head}s t[] = { { \"SELLIFY_\" NAME \"_URL\" } };\nx = {\n    PROVIDER(\"ONE\", 0),\n    \"SELLIFY_DB\" };\n",
        qr/SELLIFY_ONE_URL is not in/],
    ['settings', 'a setting that is not', 'docs/settings.md', "| `SELLIFY_DB` |\n| `SELLIFY_X` |\n", qr/SELLIFY_X is not in the code/],
    ['routes', 'a route without a word', 'docs/api.md', "nothing\n", qr{GET /a/\{id\} is not in}],
    ['routes', 'a route that is not', 'docs/api.md', "| GET/POST /a/{id} | w |\n", qr{POST /a/\{id\} is not in the code}],
    ['metrics', 'a metric without a word', 'docs/api.md', "## Metrics\n", qr/sellify_a_total is not in/],
    ['metrics', 'a metric that is not', 'docs/api.md', "## Metrics\nsellify_a_total sellify_bad\n", qr/sellify_bad is not in the code/],
    ['json', 'a broken document', 'conf/a.json', "{,}\n", qr{conf/a.json:1: not JSON}],
    ['json', 'a broken line', 't/data/a.jsonl', "{}\n{\n", qr{a.jsonl:2: not JSON}],
    ['scripts', 'a shell script', 'scripts/a', "#!/bin/sh\nif\n", qr/does not compile/],
    ['scripts', 'a test', 't/a.t', "my (;\n", qr/does not compile/],
    ['links', 'a link to nowhere', 'README.md', "[a](docs/b.md)\n", qr/README.md:1: no docs\/b.md/],
) {
    my ($name, $what, $file, $text, $like) = @$case;
    my %files = (%good, $file => $text);
    delete $files{$file} unless defined $text;
    my ($status, $said) = check($name, %files);
    is($status, 1, "$name: $what is a fault");
    like($said, $like, "$name: $what is told") or diag $said;
}

SKIP: {
    skip 'no clang-format-14', 2 if system('clang-format-14 --version >/dev/null 2>&1');
    my ($status, $said) = check('format', '.clang-format' => $style, 'core/a.c' => $ok);
    is($status, 0, 'format: a formatted file') or diag $said;
    ($status, $said) = check('format', '.clang-format' => $style,
        'core/a.c' => "${head}int   a  ;\n");
    is($status, 1, 'format: an unformatted file is a fault');
}

SKIP: {
    my $dir = tree('a.c' => "int sellify_good(void) { return 1; }\n",
        'b.c' => "int stray(void) { return 1; }\n");
    skip 'no compiler', 2
        if system("cd '$dir' && mkdir build && cc -c a.c b.c && ar rcs build/libsellify_core.a a.o");
    local $ENV{BUILD_DIR} = 'build';
    my $said = `'$root/scripts/check' --root '$dir' symbols 2>&1`;
    is($?, 0, 'symbols: a prefixed symbol') or diag $said;
    system("cd '$dir' && ar rcs build/libsellify_core.a b.o");
    $said = `'$root/scripts/check' --root '$dir' symbols 2>&1`;
    like($said, qr/symbol stray does not start/, 'symbols: a stray one is a fault');
}

my $unknown = `'$root/scripts/check' nonsense 2>&1`;
isnt($?, 0, 'an unknown check is refused');
like($unknown, qr/no check 'nonsense'/, 'and told');

done_testing();
