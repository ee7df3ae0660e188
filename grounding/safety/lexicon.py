"""Words that tell names from other words: places, first names, surnames, and what is none though it looks like one.

Compact lists, written for this purpose: the most common of each kind. Rules in `names` and `japanese_names` say how far
each is believed.
"""

from __future__ import annotations

COUNTRIES = frozenset(
    (
        "afghanistan, albania, algeria, andorra, angola, antigua and barbuda, argentina, armenia, australia, "
        "austria, azerbaijan, bahamas, bahrain, bangladesh, barbados, belarus, belgium, belize, benin, bhutan, "
        "bolivia, bosnia, bosnia and herzegovina, botswana, brazil, brunei, bulgaria, burkina faso, burundi, "
        "cambodia, cameroon, canada, cape verde, central african republic, chile, china, colombia, comoros, "
        "congo, costa rica, croatia, cuba, cyprus, czech republic, czechia, denmark, djibouti, dominica, "
        "dominican republic, east timor, ecuador, egypt, el salvador, england, equatorial guinea, eritrea, "
        "estonia, eswatini, ethiopia, faroe islands, fiji, finland, france, gabon, gambia, germany, ghana, "
        "gibraltar, great britain, greece, greenland, grenada, guatemala, guinea-bissau, guyana, haiti, "
        "honduras, hong kong, hungary, iceland, india, indonesia, iran, iraq, ireland, israel, italy, "
        "ivory coast, jamaica, japan, kazakhstan, kenya, kiribati, kosovo, kuwait, kyrgyzstan, laos, latvia, "
        "lebanon, lesotho, liberia, libya, liechtenstein, lithuania, luxembourg, macau, madagascar, malawi, "
        "malaysia, maldives, malta, marshall islands, mauritania, mauritius, mexico, micronesia, moldova, "
        "monaco, mongolia, montenegro, morocco, mozambique, myanmar, namibia, nauru, nepal, netherlands, "
        "new zealand, nicaragua, nigeria, north korea, north macedonia, northern ireland, norway, pakistan, "
        "palau, palestine, panama, papua new guinea, paraguay, peru, philippines, poland, portugal, puerto rico, "
        "qatar, romania, russia, rwanda, saint lucia, samoa, san marino, saudi arabia, scotland, senegal, "
        "serbia, seychelles, sierra leone, singapore, slovakia, slovenia, solomon islands, somalia, "
        "south africa, south korea, south sudan, spain, sri lanka, sudan, suriname, sweden, switzerland, syria, "
        "taiwan, tajikistan, tanzania, thailand, tonga, trinidad and tobago, tunisia, turkmenistan, tuvalu, "
        "uganda, ukraine, united arab emirates, united kingdom, united states, united states of america, "
        "uruguay, uzbekistan, vanuatu, vatican city, venezuela, vietnam, wales, yemen, zambia, zimbabwe"
    ).split(", ")
)
"""In English and in small letters: those that say a place wherever they stand."""
CITIES = frozenset(
    (
        "abidjan, abu dhabi, accra, addis ababa, adelaide, ahmedabad, alabama, alaska, alberta, aleppo, "
        "alexandria, algiers, amman, amsterdam, ankara, antwerp, arizona, athens, atlanta, auckland, baghdad, "
        "baku, baltimore, bangalore, bangkok, barcelona, bavaria, beijing, beirut, belfast, belgrade, bengaluru, "
        "berlin, bern, birmingham, bogota, bogotá, bologna, bordeaux, brasilia, bratislava, brisbane, "
        "british columbia, brussels, bucharest, budapest, buenos aires, cairo, calgary, california, canberra, "
        "cape town, caracas, cardiff, casablanca, catalonia, chengdu, chennai, chicago, cologne, colombo, "
        "colorado, connecticut, copenhagen, dakar, dallas, damascus, delhi, denver, detroit, dhaka, doha, "
        "dortmund, dresden, dubai, dublin, durban, düsseldorf, edinburgh, edmonton, florida, fortaleza, "
        "frankfurt, fukuoka, galway, gdańsk, geneva, genoa, glasgow, gothenburg, graz, guadalajara, guangzhou, "
        "hamburg, hanoi, hanover, havana, hawaii, helsinki, hiroshima, honolulu, houston, hyderabad, "
        "indianapolis, islamabad, istanbul, jaipur, jakarta, jerusalem, johannesburg, kabul, kanazawa, karachi, "
        "kathmandu, kawasaki, kentucky, kiev, kinshasa, kobe, kolkata, krakow, kraków, kuala lumpur, kyiv, "
        "kyoto, lagos, lahore, las vegas, leeds, leipzig, lima, lisbon, liverpool, ljubljana, london, "
        "los angeles, louisiana, lusaka, luxembourg city, lyon, madrid, malmö, manchester, manila, manitoba, "
        "marrakesh, marseille, massachusetts, medellín, melbourne, mexico city, miami, michigan, milan, "
        "minneapolis, minnesota, minsk, montana, montevideo, montreal, montréal, moscow, mumbai, munich, "
        "münchen, nagoya, nairobi, nanjing, naples, nebraska, nevada, new delhi, new orleans, new york, "
        "new york city, nicosia, nuremberg, oklahoma, ontario, oregon, osaka, oslo, ottawa, palermo, paris, "
        "pennsylvania, perth, philadelphia, pittsburgh, porto, porto alegre, prague, pretoria, quebec, "
        "queensland, quito, québec, rabat, reykjavik, riga, rio de janeiro, riyadh, rome, rotterdam, "
        "saint petersburg, salvador, salzburg, san diego, san francisco, san jose, santiago, santo domingo, "
        "sao paulo, sapporo, sarajevo, scandinavia, seattle, sendai, seoul, seville, shanghai, sheffield, "
        "shenzhen, siberia, skopje, sofia, southampton, st. petersburg, stockholm, strasbourg, stuttgart, "
        "sydney, são paulo, taipei, tallinn, tashkent, tasmania, tbilisi, tehran, tel aviv, tennessee, texas, "
        "the hague, thessaloniki, tianjin, tijuana, tirana, tokyo, toronto, toulouse, tripoli, tunis, turin, "
        "utrecht, valencia, vancouver, venice, vienna, vilnius, warsaw, washington d.c., washington dc, "
        "wellington, winnipeg, wisconsin, wroclaw, wrocław, wuhan, yangon, yerevan, yokohama, zagreb, zaragoza, "
        "zurich, zürich"
    ).split(", ")
)
"""The biggest, and the states and provinces best known. No ordinary words or first names: Nice, Bath."""
AMBIGUOUS = frozenset(("chad cuba florence georgia guinea jordan mali nice niger oman reading togo turkey").split())
"""Places if they are written with a capital."""
ACRONYMS = frozenset(("NYC UAE UK USA").split())
"""Places in capitals."""
GIVEN_NAMES = frozenset(
    (
        "aaron abdul abdullah abigail adam adele adrian adriana agnes ahmed aiden aisha akira alan alana albert "
        "alberto alejandra alejandro aleksandr alessandra alessandro alex alexander alexandra alexis alfonso "
        "alfred ali alice alicia alison amanda amelia amina amir amy ana andrea andreas andrei andrew andrzej "
        "angela angelina anil anita anja anjali ann anna annabelle anne annette annie anthony antoine anton "
        "antonia antonio anwar aoife arjun arnold arthur arturo ashok astrid audrey ava ayesha ayumi babak "
        "barbara bartosz beata beatrice beatriz ben benjamin bernard bernd beth betty birgit bjorn bob boris "
        "boubacar brad brandon brenda brendan brett brian bridget bronwen bruce bruno bryan caitlin caleb callum "
        "camila camille carl carla carlos carmela carmen carol caroline carolyn catalina catherine cecilia "
        "celina chantal charles charlotte chiara chloe chris christian christina christine christoph christopher "
        "ciara cillian claire clara clarence claude claudia clement colin colm connor conor corinne courtney "
        "craig cristina cynthia dagmar daisuke damian daniel daniela danielle darius darren dave david deborah "
        "debra deepak deirdre delphine denise dennis derek desmond diana diane diego dieter dilip dimitri dmitri "
        "dolores dominic donald donna doris dorothea dorothy douglas duncan dwayne dylan edgar edith edouard "
        "eduard eduardo edward edwin eileen elaine eleanor elena eli elias elisabeth elizabeth elizaveta ella "
        "ellen eloise elsa emanuel emil emilia emily emma emmanuel enrico enrique eric erica erik erika ernest "
        "esteban esther ethan etienne eugene eugenia eva evan evelyn ewa fabian fabio farah farid fatima fatou "
        "federico felipe felix ferdinand fergus fernanda fernando filip fiona flavio florian frances francesca "
        "francesco francis francisco francois françois frederick frieda friedrich frédéric gabriel gabriela "
        "gareth gary geoffrey george gerald geraldine gerard gerda gerhard ghislaine giacomo gianluca gilbert "
        "gilles gina giorgio giovanni gisela giulia giuseppe gloria gordon graham greg gregory gretchen grzegorz "
        "guido guillaume guillermo gunther gustav gustavo hannah hans harold harriet harry haruka haruki hassan "
        "heather hector heidi heinrich helen helena helga helmut hendrik henrik henry herbert hideki hilary "
        "hiroko hiroshi holger homero horst howard hubert hugh hugo hélène ian ibrahim ignacio igor ilse imran "
        "ines ingeborg ingrid irene irina iris isaac isabel isabella isabelle isaiah ismail ivan ivana ivo jacob "
        "jacqueline jacques jadwiga jaime jakob james jamie jan jana jane janet janice jarmila jason javed "
        "javier jean jeff jeffrey jennifer jeremiah jeremy jerome jerry jesse jessica jill jim jimmy joan joanna "
        "joao joaquin joe joel johan johann johanna johannes john johnny jolanta jonas jonathan jordi jorge jose "
        "josef joseph josephine joshua josé joyce joão juan juana judith judy julia julian juliana julie "
        "juliette julio justin jürg jürgen kaito kamal kamila kaori kareem karen karin karina karl katarina kate "
        "katharina katherine kathleen kathryn katie katja katrin kayla kazuki keiko keith kelly ken kenji "
        "kenneth kenta kevin khadija khalid kieran kim kirsten klaus konrad kristen kristin kristina krzysztof "
        "kumar kyle lakshmi lamar larissa lars laura lauren laurence laurent lawrence lea leila lena leo leon "
        "leonardo leslie liam lidia lieselotte liliana linda lisa logan lorenzo lorraine lothar louis louise "
        "luca lucas lucia lucie lucija lucy ludwig luigi luis luisa lukas lukasz luke lydia lynn maeve magdalena "
        "magnus mahmoud makoto malcolm malik manfred manoj manuel manuela marc marcel marcia marco marcus marek "
        "margaret margit maria mariam marianne marie marina mario marion marisol marlene marshall marta martha "
        "martin martina mary masahiro masako mateo mathias mathieu mathilde matteo matthew matthias maureen "
        "maurice mauro maxim małgorzata meera megan mehdi mehmet melanie melissa melvin mercedes michael michal "
        "michel michele michelle miguel mihai mike mikhail milan milena miriam miroslav mitsuko mohamed mohammad "
        "mohammed monica monika moritz muhammad muriel mustafa nadia nadine nancy naoko naomi narendra natalia "
        "natalie natasha nathan nathaniel neha niamh nicholas nicola nicolas nicole niels nigel nikita nikolai "
        "nina noah nobuo nora norbert norman nuno odile olaf oleg olga oliver olivia olivier omar orla orlando "
        "oscar osman otto pablo pamela paola pascal patrice patricia patrick paul paula paulo pavel pedro peggy "
        "peter petra philip philippe phillip phoebe pierre piet piotr pradeep priya rachel rafael rahul rainer "
        "raj rajesh ralph ramesh ramon randy raoul rashid raul raymond rebecca reinhard renata rené reza rhonda "
        "ricardo richard rita robert roberto robin rodney rodrigo roger roland rolf romain ron ronald rosa "
        "rosalind rosemary roxanne ruben russell ruth ryan sabine sachiko sakura sally salma samantha samuel "
        "sandra sanjay sanna santosh sara sarah satoshi scott sean sebastian sergei sergio shannon sharon shaun "
        "sheila shigeru shinji shirley siegfried sigrid silvia simon simone sinead siobhan sofia sofie solomon "
        "sonia sonja sophia sophie stanislav stefan stefanie stefano stephanie stephen steve steven stuart sunil "
        "sunita susan susana susanne suzanne sven svetlana sylvia sylvie takashi takeshi tamara tanja tariq taro "
        "tatiana tatsuya tebogo teresa terry thabo thelma theodore theresa thierry thomas théo tiffany tim "
        "timothy tina tobias todd tom tomasz tommy tomoko tomás tony torsten tracy ulrich ulrike ursula uwe "
        "vaclav valentina valeria valerie vanessa vera veronica victor victoria vijay vikram viktor vincent "
        "virginia vivian vladimir václav waldemar walter wanda wayne wei wendy werner wilhelm william winston "
        "wojciech wolfgang xavier xiaoming yannick yasmin yasuko yoko yolanda yolande yoshiko youssef yui yuki "
        "yuko yumi yuri yusuf yves yvonne zachary zainab zara zdeněk zoe zoltan zuzana łukasz željko"
    ).split()
)
"""First names of many countries. Not those that are ordinary words, months or products as well: Mark, Will, Grace."""
ALSO_WORDS = frozenset(
    (
        "adam ali ana angel ben bob carol celina dolores eli eva felix gene gloria grant iris jan jean jill jim "
        "jo joe joy julia kelly ken kim lamar lea leo lynn malik marina marshall maxim mercedes milan naomi "
        "nicholas norman orla oscar otto ray reza rita robin roger ron rosa ruby ruth sally salvador sara sofia "
        "sue theodore tim tom tony una valencia vera victoria virginia wei yuri"
    ).split()
)
"""Of those the ones that in small letters are words, verbs, places or programs, too."""
ORDINARY = frozenset(
    (
        "dr prof professor miss mx lady lord herr frau mme mlle monsieur madame captain judge senator rabbi pastor "
        "a about accuracy add address administrator african after again age agreement airport all almost also "
        "always am amazon american an and another answer any anybody anyone anyway apartment apology apple april "
        "apt arabic are article as asian ask at august award awarded back bank be because been before being best "
        "big black blue boo book bot both british business but buy by bye call can card cards case cause cc "
        "chapter check cheers chief child children chinese church city class clear client clients club code "
        "college company congrats contact contract control cook corner cost could counter country course create "
        "customer czech dad danish data date day days dead dear debug december default delete department "
        "describe dev did director discuss do doctor document does don't dutch e-mail earth east email employees "
        "empty enable end engineer english enter error european event every everybody everyone example excel "
        "excuse exit explain export facebook fact fall fax february field figure file finnish fire first flat "
        "floor follow for form free french friday from full fun funny further game general german glad gold good "
        "goodbye google great greek green group guilty had has have he head heart hello help her here hers hey "
        "hi high him hindi his home hospital hotel how however human i i'd i'll i'm i've idk if ignore import in "
        "info input insert institute internet into is it it's italian its january japanese java job july june "
        "just key kind know korean last latin learn leave left let level life like linux list live lol look "
        "looks love madam made main maintain make man manager many map march mars may maybe me media meet "
        "meeting men message microsoft mind mobile mode mom monday money moon more most mother movie mr mrs ms "
        "museum music musicians my name need net never new news next nice no nobody north norwegian not note "
        "november now number nurse object october of office officer offline oil ok okay old on once one online "
        "only open option or order other our ours out over owner page pain paper part patient people person "
        "personal phone plan plane play please pleasures po point policy polish portuguese post power president "
        "press price print prior program project pure python question quick quote read real red regards remote "
        "remove reply report request rest restaurant restricted right road room root rule run russian safe said "
        "sales salesperson same saturday save say says school sea search season secret section security see "
        "select send sent september server service set share she short should show side sign simple sincerely "
        "sir site sky small so software some somebody someone song soon sorry south spanish spring start state "
        "station step stop store story street string strong subject suite sum summary summer sun sunday support "
        "sure swedish system table takes tales task tax teacher team tel telephone tell test text thank thanks "
        "that that's the their theirs them then there there's these they they're this those though through "
        "thursday time tip title to today toll tomorrow too tools top total town train tree trial true tuesday "
        "turkish twitter type under unfortunately unit university unless unlike until up update upload us use "
        "user valid value version very video view wait walk war warm warning was water way we wednesday week "
        "well were west what what's when where which while white who who's whole whose why wifi will wind window "
        "windows winter with without wood word words work world would wow write written wrong year yes yesterday "
        "yet you you're you've young your yours zip zone"
    ).split()
)
"""Capitalised for their place in a sentence or a heading, or as days, months, languages and forms of address are."""
NO_NAME = frozenset(
    (
        "a also always an and anonymous another any apartment area asked back bad because but changed city "
        "correct country countryside different empty fear fine given good harmony her here hidden his home hotel "
        "house how if in incorrect invalid it later listed long missing misspelled misspelt my never new no not "
        "now old on one optional or other our peace place poverty private public registered required right room "
        "same short shown sin so some soon spelled spelt still that the their then there these this those three "
        "too town two unique unknown used valid very village visible what when where which who why written wrong "
        "your"
    ).split()
)
"""What else stands in small letters where a name could: "my name is wrong", "lives in peace"."""
PARTICLES = frozenset(
    ("af al bin da das de del della den der di do dos du e el ibn la le of ten ter van von y zu").split()
)
"""Small words within names."""
JAPANESE_PLACES = frozenset(
    (
        "アイスランド アイルランド アフガニスタン アムステルダム アメリカ アメリカ合衆国 アラブ首長国連邦 "
        "アルジェリア アルゼンチン イギリス イスラエル イタリア イラク イラン インド インドネシア ウィーン "
        "ウクライナ ウズベキスタン ウルグアイ エクアドル エジプト エストニア エチオピア オランダ オーストラリア "
        "オーストリア カタール カナダ カメルーン カンボジア キプロス キューバ ギリシア ギリシャ クウェート "
        "クロアチア ケニア コスタリカ コロンビア サウジアラビア サンフランシスコ ザンビア シカゴ シドニー シリア "
        "シンガポール ジャマイカ ジンバブエ スイス スウェーデン スコットランド スペイン スリランカ スロバキア "
        "スロベニア スーダン セネガル セルビア ソウル ソマリア タイ タンザニア ダブリン チェコ チュニジア チリ "
        "デンマーク トルコ トロント ドイツ ドバイ ナイジェリア ニュージーランド ニューヨーク ネパール ノルウェー "
        "ハイチ ハワイ ハンガリー バルセロナ バングラデシュ バンコク パキスタン パナマ パラグアイ パリ "
        "パレスチナ フィリピン フィンランド フランス ブラジル ブリュッセル ブルガリア ベトナム ベネズエラ "
        "ベラルーシ ベルギー ベルリン ペルー ポルトガル ポーランド マダガスカル マドリード マルタ マレーシア "
        "ミャンマー ミラノ メキシコ モスクワ モロッコ モンゴル ヨルダン ラオス ラトビア リトアニア リビア "
        "ルクセンブルク ルワンダ ルーマニア レバノン ロサンゼルス ロシア ロンドン ローマ ワシントン 三重県 上海 "
        "京都 京都府 仙台 佐賀県 兵庫県 北京 北朝鮮 北海道 千葉県 台湾 名古屋 和歌山県 埼玉県 大分県 大阪 大阪府 "
        "奈良県 宮城県 宮崎県 富山県 山口県 山形県 山梨県 岐阜県 岡山県 岩手県 島根県 広島 広島県 徳島県 愛媛県 "
        "愛知県 新潟 新潟県 札幌 東京 東京都 栃木県 横浜 沖縄県 滋賀県 熊本県 石川県 神奈川県 神戸 福井県 福岡 "
        "福岡県 福島県 秋田県 群馬県 茨城県 那覇 金沢 長崎県 長野県 青森県 静岡県 韓国 香川県 香港 高知県 鳥取県 "
        "鹿児島 鹿児島県"
    ).split()
)
"""Countries, prefectures and big cities in Japanese."""
NO_JAPANESE_NAMES = frozenset(
    (
        "お嬢 お子 お客 オーナー ゲスト サンタ スタッフ ドクター ナース パパ ファン ママ メンバー メーカー "
        "ユーザー 一 上記 下記 不明 両 中学 主 仏 仕 以下 任意 会員 会社員 伯父 何 何某 作家 俺 僕 兄 先輩 "
        "利用者 医者 友達 叔父 可能 各 同 坊 塾 多 大学 大家 大工 奥 女王 妹 姉 姫 娘 婆 嬢 子 子ども 子供 学校 "
        "学生 孫 客 家庭教師 小学校 巡査 平 店員 店長 弟 役者 彼 後輩 御客 御父母 必要 必須 恩師 息子 患者 担任 "
        "担当 担当者 摂 文人 旦那 有 未定 本人 某 業者 様 模 次 殿 母 源 父 父母 爺 王 球団 生徒 異 皆 皆々 "
        "看護師 社員 社長 祖母 祖父 神 私 職人 職員 自分 芸人 若 華 親 観客 記者 課長 諸 警察 議員 貴 赤 運転手 "
        "部長 隊員 隣 高校"
    ).split()
)
"""What else stands before さん, 様, 氏 and 先生, or after a label."""
JAPANESE_SURNAMES = frozenset(
    (
        "佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 渡邉 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 清水 "
        "山崎 池田 橋本 阿部 石川 前田 藤田 後藤 小川 岡田 長谷川 村上 近藤 石井 斎藤 斉藤 齋藤 坂本 遠藤 青木 "
        "藤井 西村 福田 太田 三浦 藤原 岡本 松田 中川 中野 原田 小野 田村 竹内 金子 和田 中山 石田 上田 森田 "
        "柴田 酒井 工藤 横山 宮崎 宮本 内田 高木 安藤 谷口 大野 丸山 今井 高田 藤本 武田 村田 上野 杉山 増田 "
        "菅原 平野 大塚 千葉 久保 松井 小島 岩崎 桜井 野口 松尾 野村 木下 菊地 菊池 佐野 大西 杉本 新井 浜田 "
        "古川 市川 小松 高野 水野 吉川 山内 西田 西川 川口 安田 北村 五十嵐 辻村 宮下 服部 川崎 飯田 福島 熊谷 "
        "吉村 永井 川村 本田 久保田 中島 中嶋 関口 大久保 松岡 望月 須藤 荒木 奥村 三宅 片山 早川 辻 森 林"
    ).split()
)
"""The most common."""
SURNAMES_AND_WORDS = frozenset("千葉 福島 宮崎 石川 川崎 山口 森 林 辻 上野 中野 大野 久保 吉川 市川 川口".split())
"""Of those the ones that alone may be a place or a word."""
