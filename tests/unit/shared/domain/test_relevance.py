"""Which terms are looked for, and what a message is worth."""

import pytest

from shared.domain.relevance import WORDS_SHARE, Question, Term, agreement, is_literal, meaning, needles


def a_question(*dfs: int, documents: int = 10_000) -> Question:
    return Question(tuple(Term(f"t{n}", df) for n, df in enumerate(sorted(dfs))), documents, 20.0)


def lexemes(terms: list[Term]) -> list[str]:
    return [term.lexeme for term in terms]


def test_rare_terms_are_taken_while_their_messages_are_few():
    asked = a_question(3, 900, 1000, 500_000)
    assert lexemes(asked.rare()) == ["t0", "t1", "t2"]
    assert lexemes(asked.common()) == ["t3"]


def test_rare_terms_are_five_at_most():
    assert len(a_question(*range(1, 9)).rare()) == 5


def test_terms_that_are_all_common_are_wanted_together():
    asked = a_question(3000, 4000, 5000, 6000)
    assert asked.rare() == []
    assert lexemes(asked.common()) == ["t0", "t1", "t2"]


def test_terms_nobody_used_are_looked_for_nowhere_and_cost_nothing():
    asked = Question((Term("known", 5), Term("never", 0)), 100, 20.0)
    assert lexemes(asked.rare()) == ["known"]
    assert asked.weights()[0] == 1.0


def test_weights_of_a_rarer_term_are_higher_and_all_add_up_to_one():
    weights = a_question(2, 50, 4000).weights()
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1.0)


@pytest.mark.parametrize("documents", [0, 1, 3])
def test_weights_before_anything_is_counted_are_positive(documents: int):
    assert all(weight > 0 for weight in a_question(0, 5, documents=documents).weights())


def test_meaning_of_the_nearest_is_worth_less_than_every_word_of_the_query():
    # A long message with all the words, 0.42, against the best meaning can do.
    worth = meaning({"nearest": 0.1, "has-words": 0.5})
    assert WORDS_SHARE * 0.45 + worth["has-words"] > worth["nearest"]


def test_meaning_decides_where_a_message_has_few_of_the_words():
    worth = meaning({"nearest": 0.1, "has-one-word": 0.9})
    assert worth["nearest"] > WORDS_SHARE * 0.15 + worth["has-one-word"]


def test_meaning_of_distances_that_hardly_differ_tells_them_hardly_apart():
    worth = meaning({"a": 0.50, "b": 0.51})
    assert 0 < worth["a"] - worth["b"] < 0.02


def test_meaning_of_nothing_is_nothing():
    assert meaning({}) == {}


@pytest.mark.parametrize("query", ["a@b.example", "see /usr/lib/x.so", "v1.2.3", "snake_case", "f(x)=y", "$5"])
def test_query_with_marks_inside_a_word_may_be_meant_literally(query: str):
    assert is_literal(query)


@pytest.mark.parametrize("query", ["Where does Ada live?", "don't panic", "well-known", "(really!)", "lisbon"])
def test_query_with_a_sentences_marks_only_is_not_meant_literally(query: str):
    assert not is_literal(query)


def test_long_question_that_names_an_address_is_not_one_literal():
    query = "Do you remember who it was that asked me about node.js last week?"
    assert not is_literal(query)
    assert needles(query) == ["node.js"]


def test_agreement_is_highest_with_the_whole_phrase_then_with_a_marked_word():
    query = "ask a@b.example"
    whole, part, none = (
        agreement(query, content, needles(query))
        for content in ("Please ASK A@b.example today", "mail a@b.example", "ask somebody")
    )
    assert whole > part > none == 0
