# POST /conversation/transition: the table of docs/api.md, whole.
use lib 't/support';
use Test::Nginx::Socket 'no_plan';
use SellifyModule;

repeat_each(2);
no_long_string();

our @Events = qw(ProductQuestion PriceInterest PurchaseIntent ObjectionRaised
    NegativeResponse ThreatDetected Freeze);

sub row {
    my ($state) = @_;
    return [map {
        "POST /api/v1/conversation/transition\n"
            . qq({"current_state":"$state","event":"$_"})
    } @Events];
}

sub answers { [map { qq({"new_state":"$_"}) } @_] }

run_tests();

__DATA__

=== TEST 1: Discovery
--- request eval: main::row('Discovery')
--- response_body eval
main::answers(qw(Interest Intent Intent Objection Negative Escalated Frozen))



=== TEST 2: Interest
--- request eval: main::row('Interest')
--- response_body eval
main::answers(qw(Interest Intent Intent Objection Negative Escalated Frozen))



=== TEST 3: Intent
--- request eval: main::row('Intent')
--- response_body eval
main::answers(qw(Intent Intent Intent Objection Negative Escalated Frozen))



=== TEST 4: Objection
--- request eval: main::row('Objection')
--- response_body eval
main::answers(qw(Interest Intent Intent Objection Negative Escalated Frozen))



=== TEST 5: Negative
--- request eval: main::row('Negative')
--- response_body eval
main::answers(qw(Interest Negative Negative Negative Negative Escalated Frozen))



=== TEST 6: Escalated
--- request eval: main::row('Escalated')
--- response_body eval
main::answers(qw(Escalated Escalated Escalated Escalated Escalated Escalated Frozen))



=== TEST 7: Frozen
--- request eval: main::row('Frozen')
--- response_body eval
main::answers(qw(Frozen Frozen Frozen Frozen Frozen Frozen Frozen))



=== TEST 8: an unknown event
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery","event":"Explode"}
--- error_code: 400
--- response_body_like: "pointer":"/event"



=== TEST 9: both wrong: both named
--- request
POST /api/v1/conversation/transition
{"current_state":"Nowhere","event":"Explode"}
--- error_code: 400
--- response_body_like: "pointer":"/current_state".*"pointer":"/event"



=== TEST 10: a member missing
--- request
POST /api/v1/conversation/transition
{"current_state":"Discovery"}
--- error_code: 400
--- response_body_like: "pointer":"/event"



=== TEST 11: not without /api/v1
--- request
POST /conversation/transition
{"current_state":"Discovery","event":"Freeze"}
--- error_code: 404
--- no_error_log
[alert]
