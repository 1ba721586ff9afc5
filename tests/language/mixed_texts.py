"""A hundred texts as a catalogue may hold them: many languages, pictures, numbers, odd spaces, long ones."""

_ENGLISH = """
Red running shoes for women, size 38
A small dog with very long ears runs in the rain
The Godfather (1972)
How to repair a bicycle tyre in ten minutes
Wireless noise-cancelling headphones, over-ear, black
Organic green tea, 100 bags
An unexpected journey: part one of three
I just bought a phone; which case fits it?
it's the cat's whiskers, isn't it
E-mail support@example.com or see https://example.com/help?id=7&lang=en
SHOUTING TITLE WITH EVERY LETTER LARGE
camelCaseNames and snake_case_names in one title
Stainless steel water bottle - 750 ml - keeps cold 24h
The quick brown fox jumps over the lazy dog.
Comedy|Drama|Romance
antidisestablishmentarianism and floccinaucinihilipilification
Ph.D. thesis: "On the convergence of gradient descent"
Rock 'n' roll -- the early years
state-of-the-art multi-task recommender
a
""".strip().splitlines()
_CHINESE = """
红色女式跑鞋，38码
我刚买了一部手机
你好，世界！
《流浪地球》：中国科幻电影
无线降噪耳机（黑色）
如何在十分钟内修好自行车轮胎？
有机绿茶 100 包
今天天气真好～我们去公园吧～
深度学习与推荐系统
繁體中文：臺北的夜市小吃
价格￥１２９．００，限时优惠
【新品】儿童积木玩具 3-6岁
上海—北京 G2次 高铁票
三体、球状闪电、超新星纪元
笔记本电脑 16GB内存 512GB固态硬盘
一
买一送一!!!
谢谢你，再见。
北京大学出版社 第2版
人工智能AI与机器学习ML的混合标题
""".strip().splitlines()
_GERMAN = """
Rote Laufschuhe für Damen, Größe 38
Wie flicke ich einen Fahrradschlauch?
Donaudampfschifffahrtsgesellschaftskapitän
Grüner Tee aus biologischem Anbau
Der kleine Prinz – Geschenkausgabe
Straßenbahnhaltestelle am Köllnischen Park
»Ich weiß nicht«, sagte er.
Kühlschrank mit Gefrierfach, 1,80 m hoch
ÄÖÜ äöü ß ẞ
Schöne Bescherung! Weihnachten bei Müllers
Übergrößen: Hemden bis 6XL
Kaffeemaschine (10 Tassen), schwarz/silber
""".strip().splitlines()
_OTHERS = """
Chaussures de course rouges pour femme, élégantes et légères
Zapatillas rojas para mujer, ¡envío gratis!
Красные кроссовки для женщин
レディース ランニングシューズ 赤
ﾊﾝｶｸ ｶﾀｶﾅ と ひらがな
여성용 빨간 운동화
أحذية جري حمراء للنساء
مُحَمَّدٌ رَسُولٌ
รองเท้าวิ่งสีแดงสำหรับผู้หญิง
महिलाओं के लिए लाल जूते
မြန်မာနိုင်ငံ နှင့် ရန်ကုန်
Giày chạy bộ màu đỏ cho nữ
κόκκινα παπούτσια για τρέξιμο
נעלי ריצה אדומות לנשים
""".strip().splitlines()
_SIGNS = [
    "😀 happy shoes 😀😀",
    "I ❤️ tea ☕",
    "👩‍👩‍👧‍👦 family game 🎲",
    "👍🏽 five stars ⭐⭐⭐⭐⭐",
    "🇩🇪 🇨🇳",
    "🚀",
    "price ↓ 20% → buy now ✓",
    "½ cup, 3² tiles, ™ and ® and ©",
    "ﬁne ﬂour ﬀ Ⅳ ① ㎏ ℃",
    "fullwidth ＡＢＣ１２３ and …",
    "cafe\u0301 and u\u0308ber, taken apart",
    "an unknown sign 𓀀 in between",
]
_NUMBERS = [
    "0",
    "42",
    "3.14159265358979",
    "1,234,567.89",
    "2026-11-27 17:42:00",
    "+49 (0)30 1234567",
    "978-3-16-148410-0",
    "1080p 60fps 5.1 7.1 4K",
    "0x1F600",
    "€ 19,99 / £ 17.50 / $ 21",
]
_SPACES = [
    "",
    " ",
    "   ",
    "\t\n",
    "  two   spaces   between    ",
    "line one\nline two\r\nline three",
    "no\u00a0break and\u3000wide space",
    "zero\u200bwidth\u200djoiners\ufeff",
    ".",
    "\u00ad",
]
_LONG = [
    _ENGLISH[1] + (". " + _ENGLISH[3]) * 30,
    "深度学习与推荐系统，" * 60,
]
TEXTS = [*_ENGLISH, *_CHINESE, *_GERMAN, *_OTHERS, *_SIGNS, *_NUMBERS, *_SPACES, *_LONG]
