"""What a source says, a claim that it carries, and claims that it contradicts, by what is changed in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One source sentence, a claim that it carries in other words or another order, and (what, claim) against it."""

    source: str
    carried: str
    against: tuple[tuple[str, str], ...]


ENGLISH = (
    Case(
        "Employees in the EU may carry over up to 5 days of unused annual leave into the next year.",
        "Up to five days of unused annual leave may be carried over into the next year by employees in the EU.",
        (
            ("number", "Employees in the EU may carry over up to 15 days of unused annual leave into the next year."),
            ("unit", "Employees in the EU may carry over up to 5 weeks of unused annual leave into the next year."),
            ("name", "Employees in Canada may carry over up to 5 days of unused annual leave into the next year."),
            ("negation", "Employees in the EU may not carry over unused annual leave into the next year."),
            ("bound", "Employees in the EU may carry over at least 5 days of unused annual leave into the next year."),
        ),
    ),
    Case(
        "The recommended dose is 250 mg twice a day, taken before meals.",
        "Before meals, 250 milligrams twice a day is the recommended dose.",
        (
            ("number", "The recommended dose is 205 mg twice a day, taken before meals."),
            ("unit", "The recommended dose is 250 g twice a day, taken before meals."),
            ("direction", "The recommended dose is 250 mg twice a day, taken after meals."),
        ),
    ),
    Case(
        "The contract was signed on 12 March 2024 in Lyon by Maria Keller.",
        "Maria Keller signed the contract in Lyon on 2024-03-12.",
        (
            ("date", "The contract was signed on 21 March 2024 in Lyon by Maria Keller."),
            ("date", "The contract was signed on 12 May 2024 in Lyon by Maria Keller."),
            ("date", "The contract was signed on 12 March 2023 in Lyon by Maria Keller."),
            ("name", "The contract was signed on 12 March 2024 in Turin by Maria Keller."),
            ("name", "The contract was signed on 12 March 2024 in Lyon by Maria Hoffmann."),
        ),
    ),
    Case(
        "Revenue increased by 5 % in the second quarter, to 1,000 million euros.",
        "In the second quarter, revenue rose by five percent to 1 billion euros.",
        (
            ("direction", "Revenue decreased by 5 % in the second quarter, to 1,000 million euros."),
            ("unit", "Revenue increased by 5 percentage points in the second quarter, to 1,000 million euros."),
            ("number", "Revenue increased by 5 % in the second quarter, to 1,000 thousand euros."),
            ("unit", "Revenue increased by 5 % in the second quarter, to 1,000 million dollars."),
        ),
    ),
    Case(
        "Visitors are allowed to take photographs in the museum, but flash is forbidden.",
        "Visitors are permitted to take photographs in the museum.",
        (
            ("negation", "Visitors are not allowed to take photographs in the museum."),
            ("direction", "Visitors are forbidden to take photographs in the museum."),
            ("direction", "In the museum, flash is allowed."),
        ),
    ),
    Case(
        "The server must be restarted after each update.",
        "After each update, the server must be restarted.",
        (
            ("direction", "The server must be restarted before each update."),
            ("negation", "The server must not be restarted after each update."),
            ("negation", "The server never needs to be restarted after an update."),
        ),
    ),
    Case(
        "The Nile is longer than the Danube.",
        "The Nile is longer than the Danube is.",
        (
            ("order", "The Danube is longer than the Nile."),
            ("direction", "The Nile is shorter than the Danube."),
            ("name", "The Nile is longer than the Amazon."),
        ),
    ),
    Case(
        "Some of the samples were contaminated, and most results were discarded.",
        "Some samples were contaminated.",
        (("quantity", "All samples were contaminated."), ("quantity", "All of the results were discarded.")),
    ),
    Case(
        "Managers and team leads can approve expenses of less than 500 euros.",
        "Expenses of less than 500 euros can be approved by managers and team leads.",
        (
            ("quantity", "Only managers can approve expenses of less than 500 euros."),
            ("bound", "Managers and team leads can approve expenses of more than 500 euros."),
            ("number", "Managers and team leads can approve expenses of less than 5,000 euros."),
            ("direction", "Managers and team leads can reject and never approve expenses of 500 euros."),
        ),
    ),
    Case(
        "Northwind acquired Contoso in 2019.",
        "In 2019, Contoso was acquired by Northwind.",
        (
            ("order", "Contoso acquired Northwind in 2019."),
            ("order", "Northwind was acquired by Contoso in 2019."),
            ("number", "Northwind acquired Contoso in 2018."),
            ("negation", "Northwind did not acquire Contoso in 2019."),
        ),
    ),
    Case(
        "The library is open from 9 a.m. to 5:30 p.m. on Mondays, and closed on Sundays.",
        "On Mondays the library is open from 9:00 to 17:30.",
        (
            ("time", "The library is open from 9 a.m. to 6:30 p.m. on Mondays."),
            ("time", "The library is open from 9 p.m. to 5:30 p.m. on Mondays."),
            ("direction", "The library is closed from 9 a.m. to 5:30 p.m. on Tuesdays."),
        ),
    ),
    Case(
        "Error ERR-4012 means that the license has expired.",
        "ERR-4012 means that the license has expired.",
        (
            ("code", "Error ERR-4021 means that the license has expired."),
            ("negation", "Error ERR-4012 means that the license has not expired."),
        ),
    ),
    Case(
        "The warranty does not cover water damage.",
        "Water damage is not covered by the warranty.",
        (
            ("negation", "The warranty covers water damage."),
            ("name", "The Premium warranty does not cover water damage."),
        ),
    ),
    Case(
        "A deposit of three hundred dollars is required, and it is refundable within 30 days.",
        "A deposit of $300 is required and is refundable within thirty days.",
        (
            ("negation", "A deposit of three hundred dollars is required, and it is not refundable."),
            ("negation", "A deposit of three hundred dollars is required, and it is non-refundable."),
            ("number", "A deposit of three thousand dollars is required, and it is refundable within 30 days."),
            ("direction", "A deposit of three hundred dollars is optional, and it is refundable within 30 days."),
            ("unit", "A deposit of three hundred dollars is required, and it is refundable within 30 hours."),
        ),
    ),
    Case(
        "Contractors may not carry over more than 3 days.",
        "Contractors may carry over at most 3 days.",
        (
            ("bound", "Contractors may carry over at least 3 days."),
            ("number", "Contractors may carry over at most 13 days."),
        ),
    ),
    Case(
        "The feature is available in all plans without a fee.",
        "The feature is available without a fee in all plans.",
        (
            ("negation", "The feature is unavailable in all plans."),
            ("negation", "The feature is not available in all plans."),
            ("negation", "The feature is available in all plans with a fee."),
        ),
    ),
    Case(
        "The minimum password length is 12 characters.",
        "Passwords have a minimum length of twelve characters.",
        (
            ("direction", "The maximum password length is 12 characters."),
            ("number", "The minimum password length is 20 characters."),
        ),
    ),
    Case(
        "The northern gate opens at 7:00 and the southern gate at 8:00.",
        "The northern gate opens at 7 a.m.",
        (
            ("time", "The northern gate opens at 9:00."),
            ("direction", "The northern gate closes at 7:00."),
        ),
    ),
    Case(
        "Dr. Ortiz rejected the proposal, while Dr. Lind supported it.",
        "The proposal was rejected by Dr. Ortiz.",
        (
            ("direction", "Dr. Ortiz accepted the proposal."),
            ("name", "Dr. Petrov rejected the proposal."),
        ),
    ),
    Case(
        "The trial took 24 months and included 1,250 patients.",
        "The trial included 1250 patients and took two years.",
        (
            ("number", "The trial took 24 months and included 1,520 patients."),
            ("unit", "The trial took 24 weeks and included 1,250 patients."),
            ("direction", "The trial took 24 months and excluded 1,250 patients."),
        ),
    ),
)

JAPANESE = (
    Case(
        "日本の社員は最大10日の未使用の年次休暇を翌年に繰り越すことができます。",
        "日本の社員は未使用の年次休暇を最大十日、翌年に繰り越すことができます。",
        (
            ("number", "日本の社員は最大20日の未使用の年次休暇を翌年に繰り越すことができます。"),
            ("unit", "日本の社員は最大10週間の未使用の年次休暇を翌年に繰り越すことができます。"),
            ("negation", "日本の社員は未使用の年次休暇を翌年に繰り越すことができません。"),
            ("direction", "日本の社員は最低10日の未使用の年次休暇を翌年に繰り越すことができます。"),
            ("name", "カナダの社員は最大10日の未使用の年次休暇を翌年に繰り越すことができます。"),
        ),
    ),
    Case(
        "契約は2024年3月12日に横浜で締結されました。",
        "契約は令和6年三月十二日に横浜で締結されました。",
        (
            ("date", "契約は2024年3月21日に横浜で締結されました。"),
            ("date", "契約は2023年3月12日に横浜で締結されました。"),
            ("direction", "契約は2024年3月12日に神戸で締結されました。"),
            ("negation", "契約は2024年3月12日に横浜で締結されませんでした。"),
        ),
    ),
    Case(
        "この手続きには上司の承認が必要です。",
        "上司の承認がこの手続きには必要です。",
        (
            ("direction", "この手続きには上司の承認が不要です。"),
            ("negation", "この手続きには上司の承認は必要ありません。"),
        ),
    ),
    Case(
        "売上は前年より5パーセント増加し、１，０００万円になりました。",
        "売上は前年より5％増加し、一千万円になりました。",
        (
            ("direction", "売上は前年より5パーセント減少し、1,000万円になりました。"),
            ("number", "売上は前年より15パーセント増加し、1,000万円になりました。"),
            ("number", "売上は前年より5パーセント増加し、1,000億円になりました。"),
            ("unit", "売上は前年より5ポイント増加し、1,000万円になりました。"),
            ("unit", "売上は前年より5パーセント増加し、1,000万ドルになりました。"),
        ),
    ),
    Case(
        "館内での写真撮影は許可されていますが、フラッシュは禁止です。",
        "館内での写真撮影は許可されています。",
        (
            ("negation", "館内での写真撮影は許可されていません。"),
            ("direction", "館内での写真撮影は禁止されています。"),
        ),
    ),
    Case(
        "サーバーは更新の後に必ず再起動してください。",
        "更新の後に必ずサーバーを再起動してください。",
        (
            ("direction", "サーバーは更新の前に必ず再起動してください。"),
            ("negation", "サーバーは更新の後に再起動しないでください。"),
        ),
    ),
    Case(
        "利根川は荒川より長い。",
        "利根川は荒川より長いです。",
        (
            ("order", "荒川は利根川より長い。"),
            ("direction", "利根川は荒川より短い。"),
        ),
    ),
    Case(
        "参加者の一部が研修を修了しました。",
        "一部の参加者が研修を修了しました。",
        (
            ("quantity", "すべての参加者が研修を修了しました。"),
            ("negation", "参加者の一部が研修を修了しませんでした。"),
        ),
    ),
    Case(
        "図書館は午前9時から午後5時半まで開いています。月曜日は休館です。",
        "図書館は9時から17時30分まで開いています。",
        (
            ("time", "図書館は午前9時から午後6時半まで開いています。"),
            ("time", "図書館は午前8時から午後5時半まで開いています。"),
            ("direction", "図書館は火曜日が休館です。"),
        ),
    ),
    Case(
        "保証は水による損傷を対象としません。",
        "水による損傷を保証は対象としません。",
        (("negation", "保証は水による損傷を対象とします。"),),
    ),
    Case(
        "18歳未満の方は申し込みできません。",
        "18歳未満の方は申し込むことができません。",
        (
            ("negation", "18歳未満の方は申し込みできます。"),
            ("number", "16歳未満の方は申し込みできません。"),
            ("bound", "18歳以上の方は申し込みできません。"),
        ),
    ),
    Case(
        "課長と部長は50万円以下の経費を承認できます。",
        "50万円以下の経費を課長と部長は承認できます。",
        (
            ("quantity", "部長のみが50万円以下の経費を承認できます。"),
            ("bound", "課長と部長は50万円以上の経費を承認できます。"),
            ("number", "課長と部長は5万円以下の経費を承認できます。"),
            ("negation", "課長と部長は50万円以下の経費を承認できません。"),
        ),
    ),
    Case(
        "駐車場は有料で、料金は1時間につき300円です。",
        "駐車場の料金は1時間につき三百円です。",
        (
            ("direction", "駐車場は無料で、料金は1時間につき300円です。"),
            ("number", "駐車場は有料で、料金は1時間につき800円です。"),
            ("unit", "駐車場は有料で、料金は1日につき300円です。"),
        ),
    ),
    Case(
        "東海製薬が北洋化学を買収しました。",
        "北洋化学を東海製薬が買収しました。",
        (
            ("order", "北洋化学が東海製薬を買収しました。"),
            ("negation", "東海製薬が北洋化学を買収しませんでした。"),
        ),
    ),
)
