"""The words of the pages. What the checks found is in English, as `listkit check` prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Texts:
    """The words in one language. Those in braces are filled in: a time, seconds, a host, a number, a reason."""

    title: str
    all_up: str
    some_down: str
    some_unknown: str
    mail: str
    web: str
    up: str
    down: str
    unknown: str
    canary: str
    canary_lost: str
    as_of: str
    stale: str
    home: str
    details: str
    for_everyone: str
    no_report: str
    old_report: str
    component: str
    check: str
    result: str
    unavailable: str
    unavailable_reason: str


LANGUAGES = {
    "en": Texts(
        title="Status",
        all_up="Everything works",
        some_down="Something does not work",
        some_unknown="Not everything can be checked",
        mail="Mail of the lists",
        web="Web pages and archives",
        up="works, since {time}",
        down="disturbed, since {time}",
        unknown="not known, since {time}",
        canary="A test message, sent {time}, was back after {seconds} seconds.",
        canary_lost="A test message, sent {time}, has not come back.",
        as_of="As of {time}. This page is renewed every few minutes.",
        stale="This page is out of date: the program that renews it has stopped. It shows the state at the time below.",
        home="Mailing lists",
        details="Details for administrators",
        for_everyone="Status for everyone",
        no_report="No findings from Mailman's host: {reason}",
        old_report="The findings of {host} are old: its checks last ran {time}.",
        component="Component",
        check="Check",
        result="Result",
        unavailable="The details can't be shown",
        unavailable_reason="The web interface, which knows the administrators, is down. On each host, this shows them:",
    ),
    "fr": Texts(
        title="État du service",
        all_up="Tout fonctionne",
        some_down="Un service est perturbé",
        some_unknown="Tout n'a pas pu être vérifié",
        mail="Courrier des listes",
        web="Pages web et archives",
        up="fonctionne depuis le {time}",
        down="perturbé depuis le {time}",
        unknown="état inconnu depuis le {time}",
        canary="Un message de test, envoyé le {time}, est revenu après {seconds} secondes.",
        canary_lost="Un message de test, envoyé le {time}, n'est pas revenu.",
        as_of="État au {time}. Cette page est mise à jour toutes les quelques minutes.",
        stale=(
            "Cette page n'est plus à jour : le programme qui la met à jour est arrêté."
            " Elle montre l'état à l'heure indiquée ci-dessous."
        ),
        home="Listes de diffusion",
        details="Détails pour les administrateurs",
        for_everyone="État pour tous",
        no_report="Aucun résultat du serveur de Mailman : {reason}",
        old_report="Les résultats de {host} sont anciens : ses derniers contrôles datent du {time}.",
        component="Composant",
        check="Contrôle",
        result="Résultat",
        unavailable="Les détails ne peuvent pas être affichés",
        unavailable_reason=(
            "L'interface web, qui connaît les administrateurs, est arrêtée."
            " Sur chaque serveur, cette commande les affiche :"
        ),
    ),
    "de": Texts(
        title="Status",
        all_up="Alles funktioniert",
        some_down="Es gibt eine Störung",
        some_unknown="Nicht alles konnte geprüft werden",
        mail="E-Mail der Listen",
        web="Webseiten und Archive",
        up="funktioniert, seit {time}",
        down="gestört, seit {time}",
        unknown="nicht bekannt, seit {time}",
        canary="Eine Testnachricht, gesendet {time}, war nach {seconds} Sekunden zurück.",
        canary_lost="Eine Testnachricht, gesendet {time}, ist nicht zurückgekommen.",
        as_of="Stand: {time}. Diese Seite wird alle paar Minuten erneuert.",
        stale=(
            "Diese Seite ist veraltet: Das Programm, das sie erneuert, läuft nicht mehr."
            " Sie zeigt den Stand zur unten genannten Zeit."
        ),
        home="Mailinglisten",
        details="Einzelheiten für Administratoren",
        for_everyone="Status für alle",
        no_report="Keine Befunde des Servers von Mailman: {reason}",
        old_report="Die Befunde von {host} sind alt: Zuletzt geprüft wurde {time}.",
        component="Komponente",
        check="Prüfung",
        result="Ergebnis",
        unavailable="Die Einzelheiten können nicht angezeigt werden",
        unavailable_reason=(
            "Die Weboberfläche, die die Administratoren kennt, läuft nicht. Auf jedem Server zeigt sie dieser Befehl:"
        ),
    ),
    "it": Texts(
        title="Stato del servizio",
        all_up="Tutto funziona",
        some_down="C'è un problema",
        some_unknown="Non è stato possibile controllare tutto",
        mail="Posta delle liste",
        web="Pagine web e archivi",
        up="funziona, dal {time}",
        down="con problemi, dal {time}",
        unknown="stato sconosciuto, dal {time}",
        canary="Un messaggio di prova, inviato il {time}, è tornato dopo {seconds} secondi.",
        canary_lost="Un messaggio di prova, inviato il {time}, non è tornato.",
        as_of="Situazione al {time}. Questa pagina viene aggiornata ogni pochi minuti.",
        stale=(
            "Questa pagina non è aggiornata: il programma che la aggiorna si è fermato."
            " Mostra la situazione all'ora indicata sotto."
        ),
        home="Mailing list",
        details="Dettagli per gli amministratori",
        for_everyone="Stato per tutti",
        no_report="Nessun risultato dal server di Mailman: {reason}",
        old_report="I risultati di {host} sono vecchi: l'ultimo controllo è del {time}.",
        component="Componente",
        check="Controllo",
        result="Risultato",
        unavailable="Non è possibile mostrare i dettagli",
        unavailable_reason=(
            "L'interfaccia web, che conosce gli amministratori, è ferma. Su ogni server li mostra questo comando:"
        ),
    ),
    "es": Texts(
        title="Estado del servicio",
        all_up="Todo funciona",
        some_down="Hay un problema",
        some_unknown="No se ha podido comprobar todo",
        mail="Correo de las listas",
        web="Páginas web y archivos",
        up="funciona, desde el {time}",
        down="con problemas, desde el {time}",
        unknown="estado desconocido, desde el {time}",
        canary="Un mensaje de prueba, enviado el {time}, volvió al cabo de {seconds} segundos.",
        canary_lost="Un mensaje de prueba, enviado el {time}, no ha vuelto.",
        as_of="Situación: {time}. Esta página se actualiza cada pocos minutos.",
        stale=(
            "Esta página no está actualizada: el programa que la actualiza se ha detenido."
            " Muestra la situación a la hora indicada abajo."
        ),
        home="Listas de correo",
        details="Detalles para administradores",
        for_everyone="Estado para todos",
        no_report="Sin resultados del servidor de Mailman: {reason}",
        old_report="Los resultados de {host} son antiguos: la última comprobación fue el {time}.",
        component="Componente",
        check="Comprobación",
        result="Resultado",
        unavailable="No se pueden mostrar los detalles",
        unavailable_reason=(
            "La interfaz web, que conoce a los administradores, está detenida. En cada servidor los muestra esta orden:"
        ),
    ),
}
"""The languages of the pages, by the tags that browsers send."""
