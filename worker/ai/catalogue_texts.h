/*
 * The words of the catalogue provider.  A reply is an opening, a body and a
 * closing; bodies hold the facts, always from the catalogue.  No text here names
 * a price, a delay, a discount or a person: what is not in the catalogue is not
 * said.
 *
 *     {name} {short} {long} {price}   of the product
 *     {names} {prices}                of the first products
 *     {answer}                        the catalogue's answer to the objection
 *
 * A body is used only when everything it names is known.
 */
#ifndef SELLIFY_AI_CATALOGUE_TEXTS_H
#define SELLIFY_AI_CATALOGUE_TEXTS_H

#define AI_PARTS_MAX 8

typedef struct {
    const char *openings[AI_PARTS_MAX];
    const char *bodies[AI_PARTS_MAX];
    const char *closings[AI_PARTS_MAX];
} ai_texts_t;

typedef struct {
    const char *language;
    const char *and;  /* between the last two names */
    char decimal;     /* the decimal sign of a price */
    int symbol_first; /* "€49.90", not "49,90 €" */
    ai_texts_t objectives[AI_OBJECTIVES];
} ai_language_texts_t;

static const ai_language_texts_t ai_languages[] = {
    { "fr", " et ", ',', 0,
        {
            /* greet */
            { { "Bonjour !", "Bonjour et bienvenue !",
                  "Bonjour, merci pour votre message !",
                  "Bonjour, c'est un plaisir de vous lire !" },
                { "Nous proposons {names}.", "Voici nos produits : {names}.",
                    "Vous trouverez chez nous {names}.",
                    "Dites-nous ce que vous cherchez." },
                { "Que souhaitez-vous savoir ?",
                    "Qu'est-ce qui vous intéresse ?",
                    "Qu'est-ce qui vous ferait plaisir ?",
                    "Que cherchez-vous ?" } },
            /* product */
            { { "", "Bien sûr !", "Avec plaisir !", "Volontiers !" },
                { "{name} : {short}", "{name} : {long}",
                    "Voici ce qu'il faut savoir. {name} : {long}",
                    "Nous proposons {names}.",
                    "Dites-nous de quel produit il s'agit." },
                { "Avez-vous une question précise ?",
                    "Que voulez-vous savoir de plus ?",
                    "Est-ce que cela vous convient ?",
                    "Souhaitez-vous connaître le prix ?" } },
            /* price */
            { { "Bien sûr !", "Avec plaisir !", "Merci de votre intérêt !",
                  "Volontiers !" },
                { "{name} : {price}.", "{name} est à {price}.",
                    "Le prix de {name} est de {price}.",
                    "{name} coûte {price}.", "Voici nos prix : {prices}.",
                    "Dites-nous de quel produit il s'agit." },
                { "Souhaitez-vous passer commande ?",
                    "Est-ce que cela vous convient ?",
                    "Avez-vous une autre question ?", "Qu'en pensez-vous ?" } },
            /* objection */
            { { "Nous comprenons.", "C'est une bonne question.",
                  "Merci de nous le dire.", "Bien compris." },
                { "{answer}", "{answer} {name} est à {price}.",
                    "{answer} {short}", "{name} : {short}",
                    "{name} est à {price}. {short}", "Nous proposons {names}.",
                    "Dites-nous ce que vous aimeriez savoir." },
                { "Qu'en pensez-vous ?", "Souhaitez-vous d'autres détails ?",
                    "Avez-vous une autre question ?",
                    "Est-ce que cela répond à votre question ?" } },
            /* purchase */
            { { "Merci !", "Très bon choix !", "Avec plaisir !", "Parfait !" },
                { "Pour commander {name}, indiquez-nous la quantité et votre "
                  "nom.",
                    "{name} est à {price}. Quelle quantité souhaitez-vous, et "
                    "à quel nom ?",
                    "Pour préparer votre commande de {name}, écrivez-nous la "
                    "quantité et votre nom.",
                    "Nous proposons {names}. Lequel souhaitez-vous ?",
                    "Indiquez-nous le produit, la quantité et votre nom." },
                { "Nous notons votre demande.", "Nous attendons votre réponse.",
                    "Avez-vous une autre question ?",
                    "Merci de votre confiance." } },
            /* negative */
            { { "Merci de votre réponse.", "C'est noté.", "Bien compris.",
                  "Pas de souci." },
                { "Nous restons à votre écoute.",
                    "N'hésitez pas à nous écrire si vous changez d'avis.",
                    "Vous pouvez nous écrire quand vous voulez.",
                    "Nous serons heureux de vous relire." },
                { "Bonne continuation !", "À bientôt !",
                    "Prenez soin de vous !", "Merci encore." } },
            /* photo */
            { { "Voici {name}.", "Avec plaisir, voici {name}.",
                  "Bien sûr, voici {name}.", "Volontiers, voici {name}." },
                { "{short}", "{short} Prix : {price}.", "Prix : {price}.",
                    "{name} est à {price}." },
                { "Qu'en pensez-vous ?", "Est-ce que cela vous plaît ?",
                    "Avez-vous une question ?",
                    "Que voulez-vous savoir de plus ?" } },
            /* neutral */
            { { "Merci pour votre message.", "Merci de votre message !",
                  "Bien reçu.", "Merci de nous écrire." },
                { "{name} : {short}", "Parlons de {name}. {short}",
                    "Voici nos produits : {names}.", "Nous proposons {names}.",
                    "Nous sommes à votre écoute." },
                { "Que souhaitez-vous savoir ?",
                    "Avez-vous une question précise ?",
                    "Qu'est-ce qui vous intéresse ?",
                    "Que pouvons-nous vous dire de plus ?" } },
        } },
    { "en", " and ", '.', 1,
        {
            /* greet */
            { { "Hello!", "Hello and welcome!", "Hello, thanks for writing!",
                  "Hello, nice to hear from you!" },
                { "We have {names}.", "Here is what we have: {names}.",
                    "You will find {names} here.",
                    "Tell us what you are looking for." },
                { "What would you like to know?", "What are you interested in?",
                    "What would you like?", "What are you looking for?" } },
            /* product */
            { { "", "Of course!", "With pleasure!", "Sure!" },
                { "{name}: {short}", "{name}: {long}",
                    "Here is what to know. {name}: {long}", "We have {names}.",
                    "Tell us which product you mean." },
                { "Do you have a question?",
                    "What else would you like to know?", "Does that suit you?",
                    "Would you like to know the price?" } },
            /* price */
            { { "Of course!", "With pleasure!", "Thanks for your interest!",
                  "Sure!" },
                { "{name}: {price}.", "{name} is {price}.",
                    "The price of {name} is {price}.", "{name} costs {price}.",
                    "Here are our prices: {prices}.",
                    "Tell us which product you mean." },
                { "Would you like to order?", "Does that suit you?",
                    "Do you have another question?", "What do you think?" } },
            /* objection */
            { { "We understand.", "That is a good question.",
                  "Thanks for telling us.", "Understood." },
                { "{answer}", "{answer} {name} is {price}.", "{answer} {short}",
                    "{name}: {short}", "{name} is {price}. {short}",
                    "We have {names}.",
                    "Tell us what you would like to know." },
                { "What do you think?", "Would you like more details?",
                    "Do you have another question?",
                    "Does that answer your question?" } },
            /* purchase */
            { { "Thank you!", "Great choice!", "With pleasure!", "Perfect!" },
                { "To order {name}, tell us the quantity and your name.",
                    "{name} is {price}. What quantity would you like, and "
                    "under which name?",
                    "To prepare your order of {name}, send us the quantity and "
                    "your name.",
                    "We have {names}. Which one would you like?",
                    "Tell us the product, the quantity and your name." },
                { "We note your request.", "We look forward to your answer.",
                    "Do you have another question?",
                    "Thank you for your trust." } },
            /* negative */
            { { "Thank you for your answer.", "Noted.", "Understood.",
                  "No problem." },
                { "You can write to us whenever you like.",
                    "Write to us if you change your mind.",
                    "We will be glad to hear from you.",
                    "We are happy to answer your questions." },
                { "All the best!", "See you soon!", "Take care!",
                    "Thanks again." } },
            /* photo */
            { { "Here is {name}.", "With pleasure, here is {name}.",
                  "Of course, here is {name}.", "Sure, here is {name}." },
                { "{short}", "{short} Price: {price}.", "Price: {price}.",
                    "{name} is {price}." },
                { "What do you think?", "Do you like it?",
                    "Do you have a question?",
                    "What else would you like to know?" } },
            /* neutral */
            { { "Thank you for your message.", "Thanks for your message!",
                  "Got it.", "Thanks for writing." },
                { "{name}: {short}", "Let us talk about {name}. {short}",
                    "Here is what we have: {names}.", "We have {names}.",
                    "We are happy to answer your questions." },
                { "What would you like to know?", "Do you have a question?",
                    "What are you interested in?",
                    "What else can we tell you?" } },
        } },
};

#endif
