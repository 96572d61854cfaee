from chassis import pauses
from chassis.pauses import unhurried


def test_items_come_in_order_and_others_may_go_on_between_them(monkeypatch):
    seen = []
    monkeypatch.setattr(pauses, "give_way", lambda: seen.append("others"))
    seen.extend(unhurried(range(5), every=2))
    assert seen == [0, 1, "others", 2, 3, "others", 4]
