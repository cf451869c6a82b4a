"""Job titles with their salaries, and the sentences that job postings and letters are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from intowork.seed.sizes import wheel


@dataclass(frozen=True)
class Title:
    """A job title in one language.

    Attributes:
        text: The title as it is published.
        salary: What the job pays in a year before tax, thousands of euros, before it varies.
    """

    text: str
    salary: int


@dataclass(frozen=True)
class _Role:
    english: str
    french: str
    salary: int
    domains: tuple[str, ...] = ()


_TECHNOLOGIES = ("Python", "Java", "JavaScript", "PHP", "Go")
_MARKETS = ("SaaS", "Retail", "Industrie")

_ROLES = (
    _Role("Software Engineer", "Développeur logiciel", 46, _TECHNOLOGIES),
    _Role("Sales Representative", "Commercial terrain", 34, _MARKETS),
    _Role("Full Stack Developer", "Développeur full stack", 45, ("React", "Vue.js", "Node.js")),
    _Role("Nurse", "Infirmier", 31),
    _Role("Accountant", "Comptable", 33),
    _Role("Project Manager", "Chef de projet", 47, _MARKETS),
    _Role("Data Analyst", "Analyste de données", 42, ("Marketing", "Finance")),
    _Role("Customer Support Agent", "Chargé de clientèle", 27),
    _Role("DevOps Engineer", "Ingénieur DevOps", 50, ("AWS", "Azure", "Kubernetes")),
    _Role("Business Analyst", "Business analyst", 43),
    _Role("Marketing Manager", "Responsable marketing", 44, ("B2B", "Digital")),
    _Role("Data Engineer", "Ingénieur data", 50, ("Spark", "dbt")),
    _Role("Warehouse Operative", "Préparateur de commandes", 24),
    _Role("HR Officer", "Chargé de ressources humaines", 35),
    _Role("Mechanical Engineer", "Ingénieur mécanique", 43),
    _Role("UX Designer", "Designer UX", 42),
    _Role("Product Owner", "Product owner", 49, _MARKETS),
    _Role("Electrician", "Électricien", 30),
    _Role("Teacher", "Formateur", 30),
    _Role("Financial Controller", "Contrôleur de gestion", 46),
    _Role("Systems Administrator", "Administrateur systèmes", 40, ("Linux", "Windows")),
    _Role("Chef", "Cuisinier", 28),
    _Role("Machine Learning Engineer", "Ingénieur en apprentissage automatique", 56),
    _Role("Truck Driver", "Conducteur routier", 28),
    _Role("Quality Engineer", "Ingénieur qualité", 42),
    _Role("Legal Counsel", "Juriste", 45),
    _Role("Maintenance Technician", "Technicien de maintenance", 31),
    _Role("Office Assistant", "Assistant administratif", 26),
    _Role("Security Engineer", "Ingénieur cybersécurité", 53),
    _Role("Architect", "Architecte", 44),
    _Role("Buyer", "Acheteur", 39),
    _Role("Pharmacist", "Pharmacien", 42),
)

# Seniority in English, in French, and what it does to the salary in percent.
_SENIORITIES = (
    ("", "", 100),
    ("Senior", "senior", 128),
    ("Junior", "junior", 80),
    ("Lead", "référent", 145),
    ("Experienced", "confirmé", 114),
)


def _titles(text: Callable[[_Role, tuple[str, str, int]], str]) -> tuple[Title, ...]:
    titles, weights = [], []
    for popularity, role in enumerate(_ROLES):
        for rarity, seniority in enumerate(_SENIORITIES):
            salary = role.salary * seniority[2] // 100
            for domain in ("", *role.domains):
                suffix = f" – {domain}" if domain else ""
                titles.append(Title(text(role, seniority) + suffix, salary))
                weights.append(1 / (popularity + 3) / (rarity + 2) / (2 if domain else 1))
    return wheel(titles, weights, length=4096)


TITLES = {
    "en": _titles(lambda role, seniority: f"{seniority[0]} {role.english}".strip()),
    "fr": _titles(lambda role, seniority: f"{role.french} {seniority[1]}".strip()),
}


def _sentences(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


OPENINGS = {
    "en": _sentences("""
        We are looking for a colleague who enjoys solving real problems with a small team.
        Our team is growing and we would like you to grow with it.
        You will join a company where decisions are made close to the work.
        This is a new position, created because our customers keep asking for more.
        Our products are used every day by thousands of people in three countries.
        You will replace a colleague who moves to another team and will show you the work.
        We have been doing this for twenty years and still learn something every week.
        Our clients are hospitals, towns and schools, and they expect things to work.
        """),
    "fr": _sentences("""
        Nous cherchons une personne qui aime résoudre de vrais problèmes au sein d’une petite équipe.
        Notre équipe s’agrandit et nous aimerions que vous grandissiez avec elle.
        Vous rejoindrez une entreprise où les décisions se prennent au plus près du terrain.
        Ce poste est une création, née de la demande de nos clients.
        Nos produits sont utilisés chaque jour par des milliers de personnes dans trois pays.
        Vous succéderez à un collègue qui change d’équipe et vous transmettra ses dossiers.
        Nous exerçons ce métier depuis vingt ans et apprenons encore chaque semaine.
        Nos clients sont des hôpitaux, des communes et des écoles, qui comptent sur nous.
        """),
}
BODIES = {
    "en": _sentences("""
        You will plan your work with the team every two weeks and show what you did at the end.
        You will talk to customers directly, understand what they need and say what is possible.
        The role reports to the head of the department and works with four other teams.
        You will write down what you learn, so that the next person does not have to ask.
        You will take part in recruitment and help newcomers during their first months.
        Quality matters more to us than speed, and we take the time to do things once.
        We work from the office on Tuesdays and Thursdays and from wherever we like otherwise.
        You will own a part of our service from the first idea to its daily operation.
        The first three months are spent learning, with a colleague who is there for you.
        You will prepare the budget of your area and follow it through the year.
        You will negotiate with suppliers and keep an eye on deadlines and on safety.
        We measure what we do and change what does not help our customers.
        You will use modern tools, and choose new ones where the old ones slow us down.
        Travel is limited to a few days a quarter, mostly to our other offices.
        You will document procedures and make sure that they are followed on site.
        """),
    "fr": _sentences("""
        Vous planifierez votre travail avec l’équipe toutes les deux semaines et présenterez le résultat.
        Vous échangerez directement avec les clients pour comprendre leurs besoins et dire ce qui est possible.
        Le poste dépend de la direction du service et travaille avec quatre autres équipes.
        Vous consignerez ce que vous apprenez pour que la personne suivante n’ait pas à demander.
        Vous participerez aux recrutements et accompagnerez les nouveaux arrivants.
        La qualité compte plus que la vitesse, et nous prenons le temps de faire les choses une fois.
        Nous travaillons sur site le mardi et le jeudi, et d’où nous voulons le reste du temps.
        Vous serez responsable d’une partie de notre service, de la première idée à l’exploitation.
        Les trois premiers mois sont consacrés à l’apprentissage, avec un collègue à vos côtés.
        Vous préparerez le budget de votre périmètre et le suivrez tout au long de l’année.
        Vous négocierez avec les fournisseurs et veillerez aux délais comme à la sécurité.
        Nous mesurons ce que nous faisons et changeons ce qui n’aide pas nos clients.
        Vous utiliserez des outils modernes et en choisirez de nouveaux quand les anciens nous freinent.
        Les déplacements se limitent à quelques jours par trimestre, surtout vers nos autres sites.
        Vous rédigerez les procédures et vous assurerez qu’elles sont suivies sur le terrain.
        """),
}
REQUIREMENTS = {
    "en": _sentences("""
        At least two years of experience in a similar role.
        A degree or an apprenticeship in the field, or proof that you can do without.
        Good spoken and written English; French is a plus.
        You like to explain difficult things in simple words.
        A driving licence, for the occasional visit to a site.
        Experience with the usual tools of the trade.
        """),
    "fr": _sentences("""
        Au moins deux ans d’expérience dans un poste comparable.
        Un diplôme du domaine, ou la preuve que vous vous en passez très bien.
        Une bonne expression écrite et orale ; l’anglais est un plus.
        Vous aimez expliquer simplement des choses compliquées.
        Permis de conduire pour quelques visites sur site.
        Une expérience des outils habituels du métier.
        """),
}
BENEFITS = {
    "en": _sentences("""
        25 days of holiday, private health insurance, a training budget.
        Flexible hours and two days a week from home.
        A bonus that depends on the company's results, not on yours alone.
        A bicycle scheme, a canteen and a quiet office near the station.
        """),
    "fr": _sentences("""
        Titres-restaurant, mutuelle, RTT et budget de formation.
        Horaires souples et deux jours de télétravail par semaine.
        Un intéressement lié aux résultats de l’entreprise.
        Forfait vélo, cantine et bureaux calmes près de la gare.
        """),
}
LETTERS = (
    "I have done this work for three years and would like to do it with you.",
    "Your posting describes what I have been looking for since I finished my studies.",
    "A former colleague who works with you told me about this position.",
    "Je suis disponible immédiatement et très motivé par ce poste.",
    "Votre annonce correspond à mon parcours et à ce que je souhaite faire ensuite.",
    "Après cinq ans dans le même domaine, je cherche une équipe plus petite.",
    "Je me tiens à votre disposition pour un entretien, sur place ou à distance.",
    "I would be glad to show you what I built in my last job.",
)
NOTES = (
    "Good profile, call back on Monday.",
    "À rappeler après le comité.",
    "Salary expectation above our range.",
    "Bonne expérience, anglais à vérifier.",
    "Second interview with the team.",
)
SUMMARIES = (
    "Several years in the same trade, ready for more responsibility.",
    "Profil polyvalent, à l’aise avec les clients comme avec la technique.",
    "Recently graduated, curious and quick to learn.",
    "En reconversion après dix ans dans un autre métier.",
    "Used to working in three languages and across time zones.",
    "Dix ans d’expérience dont quatre en encadrement d’équipe.",
)
EXPERIENCE_DESCRIPTIONS = (
    "Responsible for a team of four and for the service they ran.",
    "Mise en place de nouveaux outils et formation des utilisateurs.",
    "Worked with customers from the first call to the delivery.",
    "Suivi des indicateurs et amélioration des procédures.",
    "Part of a project of two years that ended on time.",
)
MESSAGES = (
    "Could you send us your availability for next week?",
    "Merci pour votre candidature, nous revenons vers vous rapidement.",
    "The interview takes place at our office; ask for me at the desk.",
    "Pouvez-vous nous faire parvenir une copie de votre diplôme ?",
)
SYSTEM_NOTICES = (
    "The platform will be unavailable on Sunday between 02:00 and 02:30.",
    "Nos conditions d’utilisation ont changé.",
    "Please confirm your e-mail address.",
    "Votre profil n’a pas été mis à jour depuis six mois.",
)
