"""Names that columns often bear, in several languages: weak evidence, for the values decide."""

import re
from collections.abc import Collection

# fmt: off
USER = [
    "user", "uid", "member", "customer", "reviewer", "visitor", "client", "account", "person", "buyer",
    "subscriber", "student", "learner", "viewer", "listener", "reader", "player", "usuario", "cliente",
    "utilisateur", "kunde", "nutzer", "benutzer", "utente", "utilizador", "gebruiker", "kullanici",
    "пользователь", "клиент", "用户", "会员", "顾客", "买家", "客户", "学员", "读者", "ユーザー",
    "会員", "사용자", "회원"
]
ITEM = [
    "item", "iid", "sku", "product", "movie", "film", "video", "song", "track", "artist", "album",
    "article", "news", "story", "book", "isbn", "asin", "goods", "listing", "game", "app", "business",
    "poi", "venue", "course", "lesson", "ad", "advert", "post", "question", "answer", "recipe", "content",
    "media", "clip", "episode", "anime", "offer", "document", "paper", "produit", "producto", "produto",
    "prodotto", "artikel", "produkt", "item_id", "товар", "статья", "фильм", "商品", "物品", "产品",
    "视频", "文章",
    "新闻", "歌曲", "电影", "图书", "课程", "广告", "商品番号", "作品", "상품", "영화"
]
SESSION = [
    "session", "visit", "request", "impression_id", "reqid", "trace", "basket", "order_id", "transaction",
    "query_id", "会话", "请求"
]
SURFACE = [
    "surface", "tab", "page", "placement", "position", "slot", "rank", "device", "platform", "os",
    "browser", "app_version", "channel", "network", "country", "region", "city", "locale", "language",
    "lang", "scene", "scenario", "surface_id", "referrer", "source", "medium", "campaign", "weekday",
    "dayofweek", "store", "渠道", "页面", "位置", "场景", "设备", "平台", "城市", "地区"
]
TYPE = [
    "type", "event", "action", "behavior", "behaviour", "interaction", "activity", "verb", "行为", "事件",
    "类型", "操作"
]
ACTS = [
    "view", "pv", "impression", "show", "expose", "click", "buy", "purchase", "pay", "order", "cart",
    "addtocart", "add_to_cart", "remove_from_cart", "fav", "favorite", "favourite", "wish", "like",
    "dislike", "share", "comment", "follow", "rate", "rating", "review", "play", "skip", "save",
    "bookmark", "download", "watch", "read", "listen", "transaction", "checkout", "detail", "浏览", "点击",
    "购买", "收藏", "加购", "曝光", "点赞", "评论", "分享", "下单"
]
EXPOSURE = [
    "impression", "show", "expose", "exposure", "view", "pv", "display", "detail", "曝光", "浏览", "展示"
]
AFTERWARDS = [
    "votes", "count", "likes", "views", "plays", "followers", "sales", "popularity", "num", "score",
    "rating", "ratings", "reviews", "average", "stars"
]


SPLITS = {"train", "training", "valid", "validation", "val", "dev", "test", "split"}
PARTS = SPLITS | {"part", "chunk", "shard"}
KINDS = {
    "item", "product", "movie", "film", "video", "song", "track", "artist", "album", "article", "news",
    "story", "book", "game", "app", "business", "venue", "course", "lesson", "ad", "post", "question",
    "answer", "recipe", "clip", "episode", "anime", "offer", "document", "paper"
}
# fmt: on


def pieces(name: str) -> list[str]:
    """The words that a name is made of, in small letters.

    >>> pieces("movieId"), pieces("VIDEO_ID2")
    (['movie', 'id'], ['video', 'id'])
    """
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\da-zA-Z_]+", name)
    return [piece.lower() for piece in found]


def family(file: str) -> str:
    """A file's name without its endings, numbers and words that speak of parts: parts of one table share it.

    >>> family("clicks-2024-01.csv.gz"), family("buy.train.txt"), family("part-0007.parquet")
    ('clicks', 'buy', '')
    """
    whole = re.sub(r"(\.(csv|tsv|txt|dat|json|jsonl|ndjson|parquet|inter|gz|data|base))+$", "", file.lower())
    found = [piece for piece in re.findall(r"[^\W\d_]+", whole) if piece not in PARTS]
    return " ".join(found)


def speaks_of(name: str, words: list[str]) -> bool:
    """Whether a name holds one of the words as a part of its own, or ends with it.

    >>> speaks_of("userId", USER), speaks_of("item_id", USER), speaks_of("mid_user", ITEM)
    (True, False, False)
    """
    pieces = [piece.lower() for piece in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\da-zA-Z_]+", name)]
    whole = name.lower()
    latin = {word for word in words if word.isascii()}
    if any(
        piece in latin or piece.removesuffix("s") in latin or piece.removesuffix("id") in latin
        for piece in pieces
    ):
        return True
    return whole in latin or any(word in whole for word in words if not word.isascii())


def unclaimed(word: str, columns: Collection[str]) -> str:
    """A word that no column is called, for a setting that would read such a column.

    >>> unclaimed("movie", ["id", "title"]), unclaimed("movie", ["id", "movie"])
    ('movie', 'movies')
    """
    while word in columns:
        word += "s"
    return word
