"""Who is in the demo organization, what they do together and what they write: data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass

TIME_ZONE = "America/New_York"
OWNER = {"first_name": "Olivia", "last_name": "Hart"}


@dataclass(frozen=True)
class Person:
    """Somebody to create; `key` is how the rest of this story names them."""

    key: str
    first_name: str
    last_name: str
    email: str | None = None
    username: str | None = None
    instructors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """A weekly lesson: weekday 0 is Monday, the hour is the organization's wall clock."""

    student: str
    instructor: str
    weekday: int
    hour: int
    minute: int
    duration_minutes: int
    titles: tuple[str, str, str, str]  # of last week, this week and the two after


@dataclass(frozen=True)
class Talk:
    """Messages of a pair, the instructor's marked with True."""

    student: str
    instructor: str
    messages: tuple[tuple[bool, str], ...]


INSTRUCTORS = (
    Person("priya", "Priya", "Raman", "priya.raman@example.org"),
    Person("marcus", "Marcus", "Webb", "marcus.webb@example.org"),
    Person("elena", "Elena", "Petrova", "elena.petrova@example.org"),
    Person("tomas", "Tomás", "Okafor", "tomas.okafor@example.org"),
)

# Way 1: the instructors are chosen while the student is created.
STUDENTS_WITH_INSTRUCTORS = (
    Person("maya", "Maya", "Lindqvist", "maya.lindqvist@example.com", instructors=("priya",)),
    Person(
        "jonah", "Jonah", "Feldman", "jonah.feldman@example.com", instructors=("marcus", "priya")
    ),
    Person("aisha", "Aisha", "Rahman", "aisha.rahman@example.com", instructors=("elena",)),
    Person("leo", "Leo", "Marchetti", username="leo.marchetti", instructors=("tomas",)),
)
# Assigned afterwards: way 2 by the first session an administrator books, way 3 by hand.
OTHER_STUDENTS = (
    Person("nora", "Nora", "Kowalski", "nora.kowalski@example.com"),
    Person("dmitri", "Dmitri", "Volkov", "dmitri.volkov@example.com"),
    Person("grace", "Grace", "Adeyemi", "grace.adeyemi@example.com"),
    Person("henry", "Henry", "Castellanos", "henry.castellanos@example.com"),
    Person("sofia", "Sofia", "Brandt", "sofia.brandt@example.com"),
)
ASSIGNED_BY_HAND = (("henry", "elena"), ("sofia", "marcus"), ("maya", "elena"))

# Way 4: the Multi-User Upload Tool.
UPLOAD = """\
role,first_name,last_name,email,username,external_id,instructors
student,Wei,Zhang,wei.zhang@example.com,,NS-1041,priya.raman@example.org
student,Amara,Diallo,amara.diallo@example.com,,NS-1042,elena.petrova@example.org; tomas.okafor@example.org
student,Caleb,Hughes,caleb.hughes@example.com,,NS-1043,marcus.webb@example.org
"""

LESSONS = (
    Lesson("maya", "priya", 0, 16, 0, 60, (
        "Algebra: linear equations", "Algebra: factoring", "Algebra: quadratic equations", "Algebra: practice test",
    )),
    Lesson("jonah", "marcus", 1, 15, 30, 45, (
        "Physics: motion in one dimension", "Physics: Newton's laws", "Physics: friction", "Physics: energy and work",
    )),
    Lesson("aisha", "elena", 2, 17, 0, 60, (
        "Writing: finding a thesis", "Writing: outlining", "Writing: first draft", "Writing: revision",
    )),
    Lesson("leo", "tomas", 3, 15, 0, 30, (
        "Spanish: the past tenses", "Spanish: at the market", "Spanish: telling a story", "Spanish: conversation",
    )),
    Lesson("nora", "priya", 1, 17, 0, 60, (
        "Geometry: congruent triangles", "Geometry: similarity", "Geometry: circles", "Geometry: area and volume",
    )),
    Lesson("dmitri", "marcus", 3, 16, 30, 60, (
        "Chemistry: balancing equations", "Chemistry: moles", "Chemistry: gas laws", "Chemistry: acids and bases",
    )),
    Lesson("grace", "tomas", 4, 16, 0, 45, (
        "History: the Reconstruction era", "History: reading sources", "History: essay plan", "History: review",
    )),
)  # fmt: skip

TALKS = (
    Talk("maya", "priya", (
        (True, "Hi Maya, please bring problems 12 to 20 from the workbook on Monday."),
        (False, "Will do! I got stuck on 17, can we start there?"),
        (True, "Of course. Try completing the square first and note where it stops working."),
    )),
    Talk("jonah", "marcus", (
        (False, "Mr. Webb, my lab report is due Friday. Could we look at the graphs on Tuesday?"),
        (True, "Yes. Send me your measurements beforehand if you can."),
        (False, "Thank you, I'll type them up tonight."),
    )),
    Talk("aisha", "elena", (
        (True, "I have read your opening paragraph: the second sentence is your real thesis."),
        (False, "Oh, that makes sense. I'll move it to the top."),
    )),
    Talk("nora", "priya", (
        (True, "Welcome, Nora! We start with congruent triangles; a ruler and a compass are all you need."),
    )),
)  # fmt: skip
