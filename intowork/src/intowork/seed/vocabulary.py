"""Names, places, schools and skills, in French and English; every wheel is drawn from with one index."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from intowork.seed.sizes import wheel


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True)
class City:
    """A city with the country, the language of its jobs and their currency."""

    name: str
    country: str
    language: str
    currency: str


def _cities(country: str, language: str, currency: str, names: str) -> list[City]:
    return [City(name.strip(), country, language, currency) for name in names.split(",")]


_FRANCE = _cities(
    "France",
    "fr",
    "EUR",
    "Paris, Lyon, Marseille, Toulouse, Lille, Bordeaux, Nantes, Nice, Rennes, Strasbourg, Montpellier, Grenoble,"
    "Aix-en-Provence, Rouen, Nancy, Dijon, Angers, Tours, Clermont-Ferrand, Saint-Étienne, Reims, Le Havre,"
    "Toulon, Metz, Besançon, Orléans, Caen, Mulhouse, Brest, Limoges, Amiens, Perpignan, Poitiers, Pau,"
    "La Rochelle, Annecy, Avignon, Nîmes, Le Mans, Boulogne-Billancourt, Nanterre, Courbevoie, Villeurbanne,"
    "Versailles, Saint-Denis, Montreuil, Créteil, Évry, Massy, Chambéry, Valence, Troyes, Niort, Vannes,"
    "Quimper, Lorient, Saint-Nazaire, Cholet, Dunkerque, Valenciennes, Colmar, Bayonne, Antibes, Béziers",
)
_BRITAIN = _cities(
    "United Kingdom",
    "en",
    "GBP",
    "London, Manchester, Birmingham, Leeds, Bristol, Edinburgh, Glasgow, Liverpool, Newcastle, Sheffield,"
    "Cambridge, Oxford, Nottingham, Cardiff, Belfast, Leicester, Reading, Brighton, Southampton, Milton Keynes,"
    "Coventry, Aberdeen, York, Bath, Exeter, Norwich, Plymouth, Portsmouth, Derby, Swansea",
)
_BELGIUM = _cities("Belgium", "fr", "EUR", "Bruxelles, Liège, Charleroi, Namur, Mons, Louvain-la-Neuve, Tournai, Wavre")
_IRELAND = _cities("Ireland", "en", "EUR", "Dublin, Cork, Galway, Limerick, Waterford, Kilkenny, Sligo, Athlone")
_LUXEMBOURG = _cities("Luxembourg", "fr", "EUR", "Luxembourg, Esch-sur-Alzette, Differdange, Dudelange, Ettelbruck")

_COUNTRIES = ((_FRANCE, 0.56), (_BRITAIN, 0.26), (_BELGIUM, 0.08), (_IRELAND, 0.07), (_LUXEMBOURG, 0.03))
CITIES: tuple[City, ...] = tuple(
    city
    for cities, share in _COUNTRIES
    for city in wheel(
        cities,
        [share / (i + 2) / sum(1 / (k + 2) for k in range(len(cities))) for i in range(len(cities))],
        length=round(4096 * share),
    )
)
"""Cities by weight, big ones more often."""


FIRST_NAMES = _words(
    "Marie Jean Camille Thomas Léa Nicolas Chloé Julien Manon Antoine Emma Pierre Sarah Lucas Inès Hugo Zoé Louis "
    "Jade Gabriel Clara Arthur Juliette Maxime Élodie Romain Amélie Mathieu Océane Kévin Anaïs Benoît Hélène "
    "François Noémie Étienne Aurélie Loïc Céline Rémi Fatima Mohamed Aïcha Karim Nadia Youssef Aminata Ibrahima "
    "Oliver Amelia George Olivia Harry Isla Jack Ava Noah Emily Charlie Sophie Jacob Grace Alfie Freya Oscar Lily "
    "James Ella William Poppy Henry Evie Joshua Rosie Daniel Niamh Liam Aoife Conor Siobhán Sean Ciara Priya Arjun "
    "Ananya Rahul Mei Wei Sofia Mateo Giulia Marco Ewa Piotr Katarzyna Tomasz Elena Andrei Yasmin Omar"
)
LAST_NAMES = _words(
    "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia "
    "David Bertrand Roux Vincent Fournier Morel Girard André Lefèvre Mercier Dupont Lambert Bonnet François Martinez "
    "Legrand Garnier Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier "
    "Dumont Lopez Fontaine Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis Lemaire Duval Joly Gautier Roger "
    "Roche Roy Noël Meyer Lucas Meunier Jean Pérez Marchand Dufour Blanchard Marie Barbier Brun Dumas Brunet Schmitt "
    "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans Walker White Roberts "
    "Green Hall Wood Jackson Clarke Khan Murphy Kelly O’Sullivan Walsh Byrne Ryan Doyle McCarthy Gallagher Kennedy "
    "Diallo Traoré Benali Haddad Cohen Rossi Ferrari Silva Santos Kowalski Nowak Popescu Singh Sharma Chen Wang"
)
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example", "courriel.example")

COMPANY_HEADS = _words(
    "Nova Atlas Lumen Cap Orion Alto Vega Delta Horizon Boréal Azur Atelier Maison Meridian Sterling Harbour Oakfield "
    "Northgate Kestrel Beacon Summit Granite Willow Bluebird Alba Solstice Équinoxe Rivage Confluence Altitude Sillage "
    "Cobalt Indigo Safran Quartz Onyx Argile Lavande Mistral Ponant Levant Zéphyr Aurore Comète Pulsar Nebula Vertex "
    "Apex Prisme Spirale Cascade Estuaire Canopée Racine Sève Héron Alouette Faucon Lynx Isatis"
)
COMPANY_TAILS = _words(
    "Systems Conseil Santé Énergie Logistics Digital Partners Labs Industries Finance Mobilité Retail Studio Groupe "
    "Analytics Robotics Assurances Ingénierie Consulting Software Solutions Médias Formation Habitat Biotech Services "
    "Networks Foods Travel Construction Textiles Marine Security Data Cloud"
)
LEGAL_FORMS = {
    "France": ("SAS", "SA", "SARL", ""),
    "United Kingdom": ("Ltd", "plc", "LLP", ""),
    "Belgium": ("SRL", "SA", ""),
    "Ireland": ("Ltd", "DAC", ""),
    "Luxembourg": ("S.à r.l.", "SA", ""),
}
INDUSTRIES = wheel(
    (
        "Information technology",
        "Health care",
        "Finance",
        "Retail",
        "Industry",
        "Consulting",
        "Construction",
        "Logistics",
        "Education",
        "Energy",
        "Hospitality",
        "Media",
        "Insurance",
        "Public sector",
        "Agriculture",
        "Life sciences",
    )
)
COMPANY_SIZES = ("1-10", "11-50", "51-200", "201-500", "500+")
STREETS = (
    "rue de la République",
    "avenue Jean Jaurès",
    "boulevard Voltaire",
    "place de la Gare",
    "rue Victor Hugo",
    "High Street",
    "Station Road",
    "Victoria Street",
    "King Street",
    "Mill Lane",
)
COMPANY_DESCRIPTIONS = {
    "fr": (
        "Entreprise indépendante fondée par des ingénieurs, présente dans plusieurs régions.",
        "Groupe familial engagé dans la transition de son secteur depuis trois générations.",
        "Jeune société en forte croissance, soutenue par des investisseurs européens.",
        "Cabinet reconnu pour la qualité de ses équipes et la durée de ses relations clients.",
        "Acteur régional de référence, au service des collectivités et des entreprises.",
    ),
    "en": (
        "An independent company founded by engineers, with offices across the country.",
        "A family business in its third generation, changing its industry from within.",
        "A fast-growing scale-up backed by European investors.",
        "A consultancy known for its people and for clients who stay.",
        "A regional leader that serves public bodies and private companies alike.",
    ),
}
POSITIONS = (
    "Talent Acquisition Manager",
    "HR Business Partner",
    "Responsable recrutement",
    "Directrice des ressources humaines",
    "Chargé de recrutement",
    "Engineering Manager",
    "Head of People",
    "Gérant",
)
DEPARTMENTS = ("Ressources humaines", "People", "Engineering", "Direction", "Operations", "Sales")

SCHOOLS = (
    "Université de Lille",
    "Sorbonne Université",
    "INSA Lyon",
    "Université de Bordeaux",
    "CentraleSupélec",
    "IUT de Nantes",
    "EM Lyon",
    "Université Grenoble Alpes",
    "CNAM",
    "Université libre de Bruxelles",
    "University of Manchester",
    "University of Leeds",
    "Imperial College London",
    "University of Edinburgh",
    "Trinity College Dublin",
    "University College Cork",
    "Cardiff University",
    "The Open University",
    "University of Bristol",
    "Université du Luxembourg",
)
DEGREES = (
    "Licence d’informatique",
    "Master en gestion",
    "Diplôme d’ingénieur",
    "BTS comptabilité",
    "BUT techniques de commercialisation",
    "Master de droit",
    "BSc Computer Science",
    "BA Economics",
    "MSc Data Science",
    "MEng Mechanical Engineering",
    "BSc Nursing",
    "MBA",
)

TECHNICAL_SKILLS = (
    "Power BI",
    "Google Analytics",
    "Contrôle de gestion",
    "Droit du travail",
    "Project management",
    *_words(
        "Python JavaScript SQL Java TypeScript React Excel Docker PostgreSQL Git Linux AWS Kubernetes Node.js "
        "PHP C# C++ Angular Vue.js Django FastAPI Spring Symfony Laravel MySQL MongoDB Redis Terraform "
        "Ansible Azure GCP Jenkins GraphQL Kafka Spark Airflow dbt Tableau Pandas PyTorch TensorFlow Rust Go "
        "Kotlin Swift Scala Ruby HTML CSS Sass Figma Photoshop Illustrator AutoCAD SolidWorks CATIA MATLAB "
        "SAP Salesforce HubSpot WordPress Shopify SEO Jira Confluence Scrum Kanban ITIL Prometheus Grafana "
        "Elasticsearch RabbitMQ Nginx Bash PowerShell Selenium Cypress Playwright Unity Blender Sage Cegid "
        "Comptabilité Paie Soudure Électrotechnique Domotique Hydraulique Usinage Métrologie Logistique "
        "Approvisionnement Bureautique"
    ),
)
SOFT_SKILLS = (
    "Communication",
    "Travail en équipe",
    "Leadership",
    "Autonomie",
    "Problem solving",
    "Rigueur",
    "Adaptabilité",
    "Time management",
    "Négociation",
    "Creativity",
    "Esprit d’analyse",
    "Empathy",
    "Pédagogie",
    "Sens du service",
    "Mentoring",
)
LANGUAGE_SKILLS = (
    "Anglais",
    "Français",
    "English",
    "French",
    "Espagnol",
    "Allemand",
    "Italian",
    "Arabe",
    "Portuguese",
    "Néerlandais",
)


@dataclass(frozen=True)
class Skill:
    """A skill as written by most, and its category."""

    name: str
    category: str


SKILLS = (
    wheel([Skill(name, "technical") for name in TECHNICAL_SKILLS], length=700)
    + wheel([Skill(name, "soft") for name in SOFT_SKILLS], length=220)
    + wheel([Skill(name, "language") for name in LANGUAGE_SKILLS], length=130)
)

PROVIDER_SCOPES = {
    "google": "openid email profile",
    "linkedin": "r_liteprofile r_emailaddress",
    "github": "read:user user:email",
}


def ascii_word(text: str) -> str:
    """The text in lower-case ASCII letters, as it stands in an e-mail address or a file name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in plain.lower() if c.isalnum())


FIRST_WORDS = tuple(ascii_word(name) for name in FIRST_NAMES)
LAST_WORDS = tuple(ascii_word(name) for name in LAST_NAMES)
