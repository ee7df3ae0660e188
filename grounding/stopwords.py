"""Function words and question words by language: what a question is not about. Pure data.

Short lists on purpose: a word that can name a thing is in none of them, however common it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_LISTS = {
    "en": (
        "a an and are as at be been being but by can could did do does for from had has have he her hers him his how i "
        "if in into is it its me my no nor not of on or our ours shall she should so such than that the their theirs "
        "them then there these they this those through to too us was we were what when where which while who whom "
        "whose why will with would you your yours about also am any because before after between both during each few "
        "more most much many just only other same some until upon very please tell versus vs"
    ),
    "de": (
        "aber alle allen aller alles als also am an auch auf aus bei beim bin bis bist da dann das daß dass dein deine "
        "dem den denn der des die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen "
        "einer eines er es euch euer für gegen hat hatte hatten habe haben ich ihm ihn ihnen ihr ihre ihren ihrer im "
        "in ins ist ja jede jedem jeden jeder jedes kann können man mein meine mit muss müssen nach nein nicht noch "
        "nur ob oder ohne sehr sein seine seinen seiner seit sich sie sind so soll sollen sollte sowie um und uns "
        "unser unter vom von vor wann war waren warum was weil welche welchem welchen welcher welches wem wen wenn wer "
        "werden werde wessen wie wieso wieviel wieviele will wir wird wo wodurch woher wohin worden womit wurde wurden "
        "zu zum zur zwischen über bitte während"
    ),
    "fr": (
        "a ai au aux avec avez avons ce ceci cela ces cet cette ceux chaque combien comme comment d dans de depuis des "
        "dont donc du elle elles en entre es est et était étaient été être eu fait il ils j je l la le les leur leurs "
        "lequel laquelle lesquels lesquelles lui m ma mais me mes moi mon n ne ni nos notre nous on ont ou où par "
        "parce pas pendant peut peuvent plus pour pourquoi pourrait qu quand que quel quelle quelles quels qui quoi s "
        "sa sans se sera ses si son sont sous sur t ta te tes toi ton tous tout toute toutes tu un une vers vos votre "
        "vous y à ça c quelqu"
    ),
    "es": (
        "a al algo alguna algunas alguno algunos ante antes aunque como cómo con contra cual cuál cuales cuáles cuando "
        "cuándo cuanta cuánta cuantas cuántas cuanto cuánto cuantos cuántos de del desde donde dónde durante e el él "
        "ella ellas ellos en entre era eran eres es esa esas ese eso esos esta está estaba están estas este esto estos "
        "fue fueron ha han hasta hay la las le les lo los me mi mis mientras muy más nada ni no nos nosotros o otra "
        "otro otros para pero por porque puede pueden qué que quien quién quienes quiénes se sea ser será si sí sin "
        "sobre son su sus también tan te tiene tienen tu tus un una unas uno unos usted y ya yo"
    ),
    "it": (
        "a ad agli ai al alla alle allo anche c che chi ci come con cosa cos cui da dagli dai dal dalla dalle dallo "
        "degli dei del dell della delle dello di dove dov due durante e è ed era erano essere fra fu furono gli ha "
        "hanno ho i il in io l la le lei li lo loro lui ma me mi mia mio ne negli nei nel nell nella nelle nello noi "
        "non o ogni per perché perche però più può possono qual quale quali quando quanta quante quanti quanto quel "
        "quella quelle quelli quello questa queste questi questo qui se sei si sia siamo sono sta stata stato su sua "
        "sue sugli sui sul sull sulla sulle sullo suo suoi ti tra tu tua tuo un una uno vi voi"
    ),
    "pt": (
        "a à ao aos aquela aquelas aquele aqueles aquilo as às até com como da das de dela dele deles depois do dos e "
        "é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas este estes eu foi foram há "
        "isso isto já lhe mais mas me mesmo meu minha muito na não nas nem no nos nós nossa nosso num numa o onde os "
        "ou para pela pelas pelo pelos pode podem por porque porquê qual quais quando quanta quantas quanto quantos "
        "que quê quem se sem ser será seu seus só são sobre sua suas também te tem têm um uma umas uns você vocês"
    ),
    "nl": (
        "aan al als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een en er ge geen had "
        "haar hadden heb hebben heeft hem het hier hij hoe hoeveel hun ik in is ja je jij jullie kan kunnen maar me "
        "meer men met mij mijn moet moeten na naar niet nog nu of om omdat ons onze ook op over te tegen tijdens toch "
        "tot u uit uw van veel voor waar waarom waarmee waren was wat we wel welk welke werd werden wie wiens wij "
        "wanneer worden wordt zal ze zich zij zijn zo zonder zou"
    ),
    "sv": (
        "alla att av blev bli blir de dem den denna deras dess dessa det detta dig din dina ditt du där då efter ej "
        "eller en er ett från för ha hade han hans har henne hennes hon honom hur hurdan i icke inom inte jag ju kan "
        "kunde man med mellan men mig min mina mitt mot mycket ni nu när någon något några och om oss på sedan sig sin "
        "sina sitt ska skall skulle som så till under upp ut utan vad var vara varför varit varje vars vart vem vems "
        "vi vid vilka vilken vilket vår våra än är åt över"
    ),
    "da": (
        "af alle at blev blive bliver da de dem den denne der deres det dette dig din disse du efter ej eller en end "
        "er et for fra ham han hans har havde hun hvad hvem hvilke hvilken hvilket hvis hvor hvordan hvorfor hvornår i "
        "ikke ind jeg jer kan kunne man mange med meget men mellem mig min mine mit mod ned nogen noget nogle nu når "
        "og også om op os over på sig sin sine sit skal skulle som sådan til ud under var ved vi vil ville vor være "
        "været"
    ),
    "no": (
        "alle at av ble blei bli blir da de dei dem den denne der dere deres det dette dine din disse du eg ein eit en "
        "er et etter for fra før ha hadde han hans har henne hennes ho hun hva hvem hvilke hvilken hvilket hvis hvor "
        "hvordan hvorfor i ikke ikkje jeg kan kunne kva kvar kven man mange med meg mellom men min mine mitt mot mye "
        "nå når noe noen og også om opp oss over på seg sin sine sitt skal skulle som så til under ut var ved vi vil "
        "ville være vært å"
    ),
    "fi": (
        "ei eivät en että he hän hänen ja jos joka jotka jonka joita johon jossa kanssa kuin kuinka kuka ketkä kun "
        "miksi miten mikä mitkä mitä mihin millä millainen milloin missä mistä minkä minä mukaan mutta me myös ne niin "
        "niiden noin nyt on oli olivat olla ole ollut ovat se sen siihen siinä sitä sekä te tai tämä tämän tässä vai "
        "vaan vain voi voivat kuinka moni paljonko"
    ),
    "ru": (
        "а без более бы был была были было быть в вам вас весь во вот все всех всё вы где да для до его ее её если "
        "есть еще ещё же за зачем и из или им их к как какая какие каким каких какого какое какой каков какова каковы "
        "какую ко когда который которая которое которые которых которого кого кому кто куда ли либо меня мне много мог "
        "может могут можно мой мы на над нам нас не него нее неё нет ни них но о об он она они оно от откуда по под "
        "почему при про с сам свой своей своего себя сколько со так также такой там то тоже того той только том тот ту "
        "ты у уже чего чей чем чему что чтобы чья чьё чьи эта эти этих это этого этой этом этот эту я является"
    ),
    "uk": (
        "а або але без би був була були було бути в вам вас весь вже ви від він вона вони воно де для до є за з зі "
        "звідки і із їх його її й як яка який які яке яким яких якого якої коли кого кому куди ли ми може можна на над "
        "нас не немає ні них о об по про при скільки та так також такий там те теж ти тих то той тому у хто це цей ця "
        "ці цього цьому чи чий чим чого чому що щоб я"
    ),
    "pl": (
        "a aby albo ale bardzo bez być był była było były co czego czemu czy czyj czyja dla do dlaczego gdy gdzie go i "
        "ich ile im inne ja jak jaka jaki jakich jakie jakim jako jakiego jakiej je jego jej jest jeśli już kiedy kim "
        "kogo komu kto która które którego której który którzy których ku lub ma mają mi mnie może można mu my na nad "
        "nam nas nie niego niej nich nim o od on ona one oni oraz po pod podczas przed przez przy są się skąd ta tak "
        "także tam te tego tej ten to tu tych tym w we wy z za ze został została zostało że"
    ),
    "cs": (
        "a aby ale ani ano až bez bude by byl byla bylo byli být co čeho čem či do ho i její jeho jejich jak jaká jaké "
        "jaký jakou jako je jsem jsou k kam kde kdo kdy která které kterého který kteří kolik komu koho ku má mají "
        "mezi mi mohou může my na nad ne nebo není o od odkud on ona oni ono po pod pro proč proto před při s se si "
        "ta tak také tam tato ten tento to tohoto tom toto ty u v ve však vy z za ze že"
    ),
    "tr": (
        "acaba ama ancak bana bazı ben bir biri biz bu buna bunda bundan bunlar bunu bunun çok çünkü da daha de değil "
        "dır dir diye en gibi hangi hangisi hem her hiç için ile ise ki kim kime kimi kimin kaç mı mi mu mü mıdır "
        "midir mudur müdür nasıl nasıldır ne neden nedir nerede nereden nereye niçin niye o olan olarak oldu olduğu "
        "olur ona onlar onu onun sen siz şu tüm ve veya ya yani"
    ),
    "hu": (
        "a az azt ahol aki amely ami amikor azok be csak de e egy el és ez ezt ezek fel hány hogy hogyan hol honnan "
        "hová ha is ki kik kit kinek le lesz meg mely melyek melyik mennyi mert mi miért mik mikor milyen mint mit "
        "mivel nem ő ők s sem szerint van vannak vagy volt voltak"
    ),
    "ro": (
        "a acea această acest acesta acestei acestui ai al ale am ar are au ca care că către ce cel cea cei cele cine "
        "cu cui cum când cât câtă câte câți de deci despre din dintre după e ea ei el ele era este eu fi fiind fost "
        "iar în între îi își la le lor lui mai ne nu o pe pentru prin și sa sale se sau să său sunt un una unde unei "
        "unui unor va"
    ),
    "ca": (
        "a al als amb aquest aquesta aquests aquestes com d de del dels des don durant e el ella ells els en entre era "
        "és està fou ha han hi i la les li lo l m més no o on per perquè però pot que què qual quals quan quant quanta "
        "quants quantes qui s sense ser seu seva seus seves si són sobre també un una uns unes va van"
    ),
    "id": (
        "ada adalah akan antara apa apakah atau bagaimana bagi bahwa berapa bisa dalam dan dapat dari dengan di dia "
        "ini itu juga kami kapan karena ke kepada kita mana manakah mengapa mereka oleh pada para saat saja saya "
        "sebagai seperti serta siapa siapakah sudah telah tidak untuk yang dimana kenapa"
    ),
    "el": (
        "α αν από αυτά αυτές αυτή αυτό αυτοί αυτός για δεν είναι είχε εν ένα ένας ενός έχει έχουν η ή ήταν θα και κατά "
        "με μέσα μετά μια μία μου να ο οι όπως όταν ότι που πού ποια ποιά ποιες ποιο ποιοι ποιος ποιόν ποιους πολύ "
        "πόσα πόσες πόσο πόσοι πότε προς πως πώς σας σε στα στη στην στις στο στον στους τα την της τι τις το τον του "
        "τους των ως γιατί"
    ),
    "ar": (
        "أ إلى إن أن أنا أنت أنه أو أي أية أين إذا التي الذي الذين اللذان بين بعد قبل تلك ثم حتى حول حيث خلال ذلك عن "
        "على عند عندما غير في فيه فيها قد كان كانت كل كم كما كيف لا لدى لقد لكن لم لماذا لن له لها لو ليس ما ماذا متى "
        "مع من منذ منها منه نحن هذا هذه هل هم هناك هو هي و وقد يا يكون"
    ),
    "fa": (
        "از است اند ای این اما اگر او آن آنها آیا با باید بر برای بود بودند به بین تا چه چرا چقدر چگونه چند چیست خود "
        "در دارد دارند را روی شد شده شود ما من می نه نیز و های هر هم همه هستند هست کجا کجاست کدام که کرد کرده کند کنند "
        "کی کیست یا یک"
    ),
    "he": (
        "אבל או אולי אותו אותה אותם אז איזה איזו אילו איך איפה אל אלה אם אני אנחנו אשר את אתה אתם באיזה באיזו בין גם "
        "היא היה היו הוא הם הן זה זאת זו יותר כאשר כי כיצד כל כמה כן לא למה לפני מאוד מאיפה מה מהו מהי מהם מי מן מדוע "
        "מתי עד על עם של שלו שלה שלהם"
    ),
    "hi": (
        "अगर अपना अपनी अपने आप इन इनका इस इसका इसकी इसके इसमें इसे उन उनका उनकी उनके उस उसका उसकी उसके उसे एक और कब कर "
        "करता करते करना करने का कि कितना कितनी कितने किन किस किसका किसकी किसके किसने किसी किसे की कुछ के को कोई कौन "
        "कौनसा क्या क्यों कहाँ कहां कैसा कैसी कैसे गया गई गए जब जहाँ जा जिस जिसे जो तक तो था थी थे दिया द्वारा नहीं ने "
        "पर भी मे में मैं यह यहाँ या ये लिए वह वहाँ वाला वाली वाले वे सकता सकते सभी साथ से ही हुआ हुई हुए है हैं हो होता "
        "होती होते"
    ),
    "vi": (
        "ai bao bằng bị bởi cái các có của cho cùng chỉ đã đang đâu đây để đến do được gì hay hoặc không khi là lại "
        "mà mấy nào này nên nếu như nhiêu những ở ra rằng rất sao sẽ tại thế thì theo trong trên từ tôi và vào về vì "
        "với vậy"
    ),
}

STOP_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {language: frozenset(words.casefold().split()) for language, words in _LISTS.items()}
)
"""By ISO 639-1 code."""
