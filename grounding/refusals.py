"""What a person reads where there is no answer: none was found, or a check did not let something through. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grounding.values import Verdict

NO_ANSWER: Mapping[str, str] = {
    "en": "I could not find an answer to this in the documents.",
    "ja": "お探しの答えは文書の中に見つかりませんでした。",
    "de": "In den Dokumenten habe ich darauf keine Antwort gefunden.",
    "fr": "Je n'ai pas trouvé de réponse à cela dans les documents.",
    "es": "No he encontrado una respuesta a esto en los documentos.",
    "pt": "Não encontrei uma resposta a isto nos documentos.",
    "zh": "在文档中没有找到答案。",
    "ko": "문서에서 이에 대한 답을 찾지 못했습니다.",
}
REFUSALS: Mapping[str, Mapping[str, str]] = {
    "toxicity": {
        "en": "I can't help with this as it is worded. Ask about what the documents say, also about difficult "
        "topics such as harassment, and I will gladly look it up.",
        "ja": "この表現のままではお答えできません。文書の内容についてのご質問でしたら、嫌がらせなどの話題でも、"
        "喜んでお調べします。",
        "de": "In dieser Form kann ich darauf nicht antworten. Fragen zum Inhalt der Dokumente beantworte ich "
        "gern, auch zu schwierigen Themen wie Belästigung.",
        "fr": "Je ne peux pas répondre à ce message sous cette forme. Posez-moi une question sur les "
        "documents, même sur un sujet difficile comme le harcèlement, et je chercherai volontiers.",
        "es": "No puedo responder a esto tal como está escrito. Pregúnteme por el contenido de los documentos, "
        "también sobre temas difíciles como el acoso, y lo buscaré con gusto.",
        "pt": "Não posso responder a isto tal como está escrito. Pergunte sobre o conteúdo dos documentos, "
        "mesmo sobre temas difíceis como o assédio, e terei todo o gosto em procurar.",
        "zh": "这样的表述我无法回答。您可以询问文档中的内容，包括骚扰等敏感话题，我很乐意为您查找。",
        "ko": "이 표현 그대로는 답변드릴 수 없습니다. 문서 내용에 대한 질문이라면 괴롭힘 같은 주제라도 기꺼이 "
        "찾아 드리겠습니다.",
    },
    "injection": {
        "en": "I cannot follow instructions about how I work. Ask me what the documents say, and I will look it up.",
        "ja": "動作そのものに対する指示には従えません。文書の内容についてお尋ねいただければ、お調べします。",
        "de": "Anweisungen dazu, wie ich arbeite, kann ich nicht befolgen. Fragen Sie mich, was in den "
        "Dokumenten steht.",
        "fr": "Je ne peux pas suivre d'instructions sur mon fonctionnement. Demandez-moi ce que disent les documents.",
        "es": "No puedo seguir instrucciones sobre mi funcionamiento. Pregúnteme qué dicen los documentos.",
        "pt": "Não posso seguir instruções sobre o meu funcionamento. Pergunte-me o que dizem os documentos.",
        "zh": "我不能执行关于我如何工作的指令。请询问文档中的内容，我来为您查找。",
        "ko": "제 작동 방식에 관한 지시는 따를 수 없습니다. 문서에 무엇이 쓰여 있는지 물어봐 주세요.",
    },
    "pii": {
        "en": "The question contains private data that may not be used here. Leave it out and ask about what "
        "the documents say.",
        "ja": "ご質問に、ここでは扱えない個人情報または機密情報が含まれています。それを除いて、文書の内容につい"
        "てお尋ねください。",
        "de": "Die Frage enthält private Daten, die hier nicht verwendet werden dürfen. Fragen Sie bitte ohne "
        "sie nach dem Inhalt der Dokumente.",
        "fr": "La question contient des données privées qui ne peuvent pas être utilisées ici. Retirez-les et "
        "demandez ce que disent les documents.",
        "es": "La pregunta contiene datos privados que no se pueden usar aquí. Omítalos y pregunte por lo que "
        "dicen los documentos.",
        "pt": "A pergunta contém dados privados que não podem ser usados aqui. Retire-os e pergunte o que "
        "dizem os documentos.",
        "zh": "问题中含有此处不能使用的私人数据。请去掉这些数据，再询问文档中的内容。",
        "ko": "질문에 여기서 사용할 수 없는 개인 정보가 들어 있습니다. 그 정보를 빼고 문서 내용에 대해 물어봐 주세요.",
    },
}


def refusal(verdicts: Iterable[Verdict], *, language: str) -> str:
    """The refusal for the first check that blocks, in the user's language, else in English."""
    check = next((verdict.check for verdict in verdicts if verdict.action == "block"), "toxicity")
    texts = REFUSALS.get(check, REFUSALS["toxicity"])
    return texts.get(language, texts["en"])
