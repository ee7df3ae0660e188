"""Passages and conversations about them, written for these tests: each question with the passage that answers it."""

from __future__ import annotations

from dataclasses import dataclass

from grounding.values import Turn


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the passage that answers it, and what the assistant said."""

    question: str
    passage: str
    answer: str
    alone: bool = False
    """Whether it can be understood without the turns before it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    language: str
    turns: tuple[Asked, ...]

    def before(self, number: int) -> list[Turn]:
        """What was said before the question of this number."""
        said = self.turns[:number]
        return [turn for one in said for turn in (Turn("user", one.question), Turn("assistant", one.answer))]


NOTHING = "I'm sorry, I do not have information about that."
PASSAGES = {
    "lighthouse": "The Carrow Point lighthouse was built in 1871 from grey granite. "
    "Its lamp burned rape oil until 1904.",
    "lighthouse-visit": "Carrow Point can be visited from May to September. The lighthouse tower has 214 steps; dogs "
    "stay below. A ticket costs six pounds, and children under seven climb free.",
    "lighthouse-keepers": "Edith Marlow kept the light at Carrow Point for 31 years. She was born in Fenwick and is "
    "buried beside the tower. The post of keeper ended in 1986.",
    "ferry": "The ferry from Fenwick to Dunmore Island sails four times a day and takes 50 minutes. Cars must be "
    "booked a day ahead, and bicycles travel without charge.",
    "ferry-winter": "In winter the Dunmore Island ferry sails twice a day, and not at all in storms. Passengers are "
    "told by text message.",
    "island": "Dunmore Island has 340 inhabitants, one school and a distillery. "
    "Its highest hill is Ben Sorrel, 412 metres.",
    "distillery": "The distillery of Dunmore Island makes a peated whisky, aged ten years in sherry casks. Tours start "
    "at noon and cost twelve pounds.",
    "museum": "The Fenwick herring museum shows nets, barrels and a steam drifter. It opens every day but Monday, from "
    "ten to five. The entrance is in Harbour Street.",
    "pump": "The Tarn P4 pump moves 90 litres a minute. If it shows fault E17, the inlet filter is blocked: close "
    "the valve and rinse it.",
    "pump-care": "Have the seals of the Tarn P4 pump replaced every 4,000 hours by an engineer. The warranty lasts "
    "three years.",
    "pension": "Employees join the pension scheme after three months. The company pays six percent of the salary.",
    "parental": "Parental leave lasts sixteen weeks on full pay. Either parent may take it, at once or in two parts.",
    "灯台": "鳴瀬岬灯台は1912年に建てられた石造りの灯台である。設計者は技師の早川仙太郎で、高さは32メートルある。",
    "灯台見学": "鳴瀬岬灯台の見学は四月から十月まで。入場料は大人300円、小学生以下は無料。階段は156段ある。",
    "早川": "早川仙太郎は長崎に生まれ、英国で土木工学を学んだ。生涯に十一基の灯台を手がけ、1931年に没した。",
    "温泉": "白樺温泉は標高900メートルの谷にあり、泉質は硫黄泉。神経痛や冷え性に効くといわれる。",
    "温泉宿": "白樺温泉には旅館が七軒ある。最も古い旅館は松風館で、創業は1688年。露天風呂は夜十一時まで入れる。",
    "温泉交通": "白樺温泉へは谷川駅からバスで40分。冬は道路が凍るため、チェーンを付けた車しか通れない。",
    "祭り": "火渡り祭は毎年二月の第一土曜日に谷川町で行われる。起源は江戸時代の疫病よけの祈りとされる。",
    "祭り参加": "火渡り祭には誰でも参加できる。受付は午後三時に神社の境内で始まり、素足で火の上を歩く。",
    "休暇": "有給休暇は入社半年後に10日与えられる。使わなかった日数は翌年まで繰り越せる。",
    "育休": "育児休業は子が二歳になるまで取得できる。申請は開始日の一か月前までに人事部へ行う。",
    "端末": "携帯端末KT-20の電池は約12時間もつ。画面にE-31と出たときは、裏ぶたを開けて電池を入れ直す。",
    "端末保証": "携帯端末KT-20の保証期間は二年間。落下や水濡れによる故障は保証の対象外となる。",
}
CONVERSATIONS = (
    Conversation(
        "en",
        (
            Asked("When was the Carrow Point lighthouse built?", "lighthouse", "It was built in 1871.", alone=True),
            Asked("What did its lamp burn?", "lighthouse", "Rape oil, until 1904."),
            Asked("Can I visit it?", "lighthouse-visit", "Yes, Carrow Point can be visited from May to September."),
            Asked("How much is a ticket?", "lighthouse-visit", "A ticket costs six pounds."),
            Asked("And for children?", "lighthouse-visit", "Children under seven climb free."),
            Asked(
                "Who was the keeper for so long?", "lighthouse-keepers", "Edith Marlow kept the light at Carrow Point."
            ),
            Asked("Where was she born?", "lighthouse-keepers", "She was born in Fenwick."),
            Asked(
                "How long does the company's parental leave last?",
                "parental",
                "Parental leave lasts sixteen weeks.",
                alone=True,
            ),
            Asked("Can both take it?", "parental", "Either parent may take it."),
        ),
    ),
    Conversation(
        "en",
        (
            Asked(
                "How often does the ferry sail to Dunmore Island?",
                "ferry",
                "The ferry sails four times a day.",
                alone=True,
            ),
            Asked("How long does it take?", "ferry", NOTHING),
            Asked("What about winter?", "ferry-winter", "In winter the ferry sails twice a day."),
            Asked("How many people live there?", "island", "Dunmore Island has 340 inhabitants."),
            Asked("Is there a distillery?", "distillery", "Yes, it makes a peated whisky."),
            Asked("When do tours of it start?", "distillery", "Tours start at noon."),
            Asked("When is the Fenwick herring museum open?", "museum", "Every day but Monday.", alone=True),
            Asked("Where is its entrance?", "museum", "In Harbour Street."),
        ),
    ),
    Conversation(
        "en",
        (
            Asked(
                "How much does the Tarn P4 pump move?", "pump", "The Tarn P4 pump moves 90 litres a minute.", alone=True
            ),
            Asked("It shows E17", "pump", "The inlet filter is blocked."),
            Asked("How often must the seals be replaced?", "pump-care", "Every 4,000 hours, by an engineer."),
            Asked("Is that covered by the warranty?", "pump-care", NOTHING),
            Asked("When do employees join the pension scheme?", "pension", "After three months.", alone=True),
            Asked("And how much is paid?", "pension", "The company pays six percent of the salary."),
        ),
    ),
    Conversation(
        "ja",
        (
            Asked("鳴瀬岬灯台はいつ建てられましたか", "灯台", "1912年に建てられました。", alone=True),
            Asked("高さは？", "灯台", "32メートルあります。"),
            Asked("設計したのは誰ですか", "灯台", "技師の早川仙太郎です。"),
            Asked("彼はどこで生まれましたか", "早川", "早川仙太郎は長崎に生まれました。"),
            Asked("いつ亡くなりましたか", "早川", "1931年に没しました。"),
            Asked("灯台の入場料はいくらですか", "灯台見学", "大人300円です。"),
            Asked("子どもは？", "灯台見学", "小学生以下は無料です。"),
            Asked("有給休暇は入社後いつもらえますか", "休暇", "入社半年後に10日与えられます。", alone=True),
            Asked("余ったらどうなりますか", "休暇", "使わなかった日数は翌年まで繰り越せます。"),
        ),
    ),
    Conversation(
        "ja",
        (
            Asked("白樺温泉の泉質を教えてください", "温泉", "白樺温泉の泉質は硫黄泉です。", alone=True),
            Asked("何に効きますか", "温泉", "神経痛や冷え性に効くといわれます。"),
            Asked("そこに旅館はありますか", "温泉宿", "白樺温泉には旅館が七軒あります。"),
            Asked("一番古いのは？", "温泉宿", "松風館です。"),
            Asked("どうやって行けますか", "温泉交通", "谷川駅からバスで40分です。"),
            Asked("冬の場合は", "温泉交通", "チェーンを付けた車しか通れません。"),
            Asked("火渡り祭が行われるのはいつですか", "祭り", "毎年二月の第一土曜日です。", alone=True),
            Asked("その起源は？", "祭り", "申し訳ありませんが、分かりません。"),
            Asked("誰でも参加できますか", "祭り参加", "はい、火渡り祭には誰でも参加できます。"),
        ),
    ),
    Conversation(
        "ja",
        (
            Asked("携帯端末KT-20の電池は何時間もちますか", "端末", "約12時間もちます。", alone=True),
            Asked("E-31と出ました", "端末", "裏ぶたを開けて電池を入れ直してください。"),
            Asked("保証は何年ですか", "端末保証", "保証期間は二年間です。"),
            Asked("では、落とした場合は？", "端末保証", "落下による故障は保証の対象外です。"),
            Asked("育児休業はいつまで取得できますか", "育休", "子が二歳になるまでです。", alone=True),
            Asked("申請先はどこ？", "育休", "人事部です。"),
        ),
    ),
)
