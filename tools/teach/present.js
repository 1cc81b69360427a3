/* What a live deck needs of JupyterLab beyond its slides: it is never lost, it says where it is, and what is run on a
   slide takes along the code before it that no slide shows.

   A prebuilt extension without a build: JupyterLab loads this file as the container of a federated module.
   tools/teach/present.py puts it into the stage and writes the presentation's name in the place of PRESENTATION. */

(() => {
    "use strict";

    const PRESENTATION = "@PRESENTATION@";
    const OF_A_PLAN = "@PLAN@" !== "";  // few words, in large type
    const ON_SLIDES = ["slide", "subslide", "fragment"];
    const DECK = "body[data-jp-deck-mode='presenting']";
    // As the deck's own, and more specific: then these are the ones that count.
    const IN_SLIDE = `${DECK} .jp-Deck .jp-Notebook.jp-mod-commandMode:not(.jp-mod-readWrite) :focus`;
    // Whatever has the keys, unless it closes with Escape itself.
    const ANYWHERE = [".jp-Dialog", ".lm-Menu", ".jp-ModalCommandPalette"].reduce(
        (selector, closing) => `${selector}:not(:has(> ${closing}))`, DECK);  // a key binding's selector has no comma
    const TYPES = OF_A_PLAN ? [24, 22, 20] : [24, 22, 20, 18];  // an explorer's, in pixels of a slide of 1280×720
    const USUAL = OF_A_PLAN ? 340 : 400;  // its picture's height
    const LINE = 1.3;
    const FREE = 0.04;  // of the screen's height, below
    const FITS = [1, 0.94, 0.88, 0.82, 0.76, 0.7];  // how large a plan's slide is, if it is too full for the first
    const LEAST = 300;  // a picture's height there
    const HINT_SECONDS = 4;

    let shared;  // JupyterLab's own modules

    const make = (id, tag = "div") => {
        const element = document.createElement(tag);
        element.id = id;
        return element;
    };

    const kind = cell => (cell.model.getMetadata("slideshow") || {}).slide_type || "";

    /* The slides of a notebook: for each its stops, the cells that a key press leads to. */
    const slidesOf = notebook => {
        const slides = [];
        notebook.widgets.forEach((cell, index) => {
            if (kind(cell) === "skip" || kind(cell) === "notes") return;
            if (!slides.length || kind(cell) === "slide" || kind(cell) === "subslide") slides.push([index]);
            else slides.at(-1).push(index);
        });
        return slides;
    };

    class Deck {
        constructor(app, panel, actions) {
            this.app = app;
            this.panel = panel;
            this.notebook = panel.content;
            this.place = null;  // the slide, counted from 1
            this.key = `course-deck-${PRESENTATION}`;
            this.channel = new BroadcastChannel("course-deck");
            this.channel.onmessage = ({data}) => this.listen(data);
            this.count = make("course-count");
            this.bar = make("course-bar");
            this.hint = make("course-hint");
            this.hint.setAttribute("role", "status");
            this.back = make("course-back", "button");
            this.back.textContent = "Back to the slides";
            this.back.onclick = () => this.present();
            document.body.append(this.bar, this.count, this.hint, this.back);
            this.keys();
            // In which order cells were sent to the kernel, however they were run.
            this.turns = new Map();
            let turn = 0;
            this.actions = actions;
            actions.executionScheduled.connect((_, {cell}) => this.turns.set(cell.model.id, ++turn));
            this.notebook.activeCellChanged.connect(() => this.arrive());
            addEventListener("resize", () => this.later());
            this.watched = new Set();
            // A formula is set, or an output arrives, after its slide.
            this.sizes = new ResizeObserver(() => this.later());
            addEventListener("pagehide", () => this.say({left: true}));
            addEventListener("pageshow", () => this.arrive());
        }

        /* Show the deck, at the slide where it was last, also after the page was loaded anew. */
        async present() {
            if (document.body.dataset.jpDeckMode !== "presenting") await this.app.commands.execute("deck:start");
            while (!this.panel.hasClass("jp-Deck")) await new Promise(resolve => setTimeout(resolve, 20));
            const last = localStorage.getItem(this.key);
            // JupyterLab adds the cells of a long notebook one by one.
            while (this.notebook.widgets.length < this.notebook.model.cells.length) {
                await new Promise(resolve => setTimeout(resolve, 20));
            }
            const index = this.notebook.widgets.findIndex(cell => cell.model.id === last);
            if (index >= 0) this.notebook.activeCellIndex = index;
            this.focus();
            this.ready = true;
            this.arrive();
        }

        focus() {
            this.app.shell.activateById(this.panel.id);
            this.notebook.mode = "command";
            this.notebook.activate();
        }

        keys() {
            const {commands} = this.app;
            const add = (command, keys, selectors, label, execute) => {
                commands.addCommand(command, {label, execute});
                for (const selector of selectors) commands.addKeyBinding({command, args: {}, keys, selector});
            };
            add("course:stay", ["Escape"], [IN_SLIDE, `${DECK} .jp-Deck-Remote`, ANYWHERE], "Stay in the Deck", () => {
                this.focus();
                this.tell(`Slide ${this.place}. The button between the arrows, in the corner at the bottom right, leaves the deck.`);
            });
            // The deck's own way back forgets, when the page is loaded anew, how far a section had been shown.
            add("course:back", ["Shift Space"], [IN_SLIDE], "Back", () => this.previous());
            add("course:run", ["Ctrl Enter"], [`${DECK} .jp-Deck .jp-Notebook.jp-mod-commandMode :focus`,
                `${DECK} .jp-Deck .jp-Notebook.jp-mod-editMode`], "Run on the Slide", () => this.run());
        }

        /* Go back by one press. */
        previous() {
            const stops = slidesOf(this.notebook).flat();
            const before = stops.findLast(index => index < this.notebook.activeCellIndex);
            if (before !== undefined) this.notebook.activeCellIndex = before;
        }

        /* Run the cell, and first the code just before it that no slide shows, where that is older than what it uses. */
        async run() {
            const {widgets, activeCellIndex: active} = this.notebook;
            const turn = cell => this.turns.get(cell.model.id) || 0;  // 0 for what has run before the room came
            let first = active;
            const shown = cell => cell.model.type === "code" && ON_SLIDES.includes(kind(cell));
            while (first > 0 && !shown(widgets[first - 1])) first--;  // words between them change nothing
            const hidden = widgets.slice(first, active).filter(cell =>
                cell.model.type === "code" && !(cell.model.getMetadata("tags") || []).includes("exercise"));
            const newest = Math.max(0, ...widgets.slice(0, first).map(turn));
            const old = hidden.findIndex(cell => turn(cell) < newest);
            const cells = [...(old < 0 ? [] : hidden.slice(old)), widgets[active]];
            this.notebook.mode = "command";
            await this.actions.runCells(this.notebook, cells, this.panel.sessionContext);
            // What failed out of sight is shown where the room looks.
            const failed = cells.slice(0, -1).find(cell => this.error(cell));
            if (failed) this.tell(this.error(failed), true);
            this.later();
            this.save();
        }

        /* A page that is loaded anew shows what was typed. One at a time: JupyterLab takes its own earlier save for
           somebody else's. */
        save() {
            this.saving = (this.saving || Promise.resolve()).then(() => this.panel.context.save()).catch(console.warn);
        }

        /* What a cell has raised, in words, or nothing. */
        error(cell) {
            const {outputs} = cell.model;
            for (let index = 0; index < outputs.length; index++) {
                const output = outputs.get(index).toJSON();
                if (output.output_type === "error") {
                    return output.ename === "ClaimError" ? output.evalue : `${output.ename}: ${output.evalue}`;
                }
            }
            return "";
        }

        /* Say where the deck is: on the slide, to the presenter's window, and for a page that is loaded anew. */
        arrive() {
            if (!this.ready) return;
            const active = this.notebook.activeCellIndex;
            const slides = slidesOf(this.notebook);
            const slide = slides.findLastIndex(stops => stops[0] <= active);
            const stop = slides[slide]?.findLast(index => index <= active);
            if (stop === undefined) return;
            if (this.place !== slide + 1) this.hush();
            this.place = slide + 1;
            const cell = this.notebook.widgets[stop].model.id;
            localStorage.setItem(this.key, cell);
            this.count.textContent = `${this.place} / ${slides.length}`;
            this.bar.style.width = `${100 * this.place / slides.length}%`;
            this.say({cell});
            this.later();
        }

        say(what) {
            this.channel.postMessage({presentation: PRESENTATION, from: "deck", ...what});
        }

        listen(what) {
            if (what.presentation !== PRESENTATION || what.from !== "notes") return;
            if (what.press === "forward") this.app.commands.execute("deck:go", {direction: "down", alternate: "forward"});
            else if (what.press === "back") this.previous();
            else this.arrive();
        }

        tell(words, failure = false) {
            this.hint.textContent = words;
            this.hint.className = failure ? "course-failure" : "";
            this.hint.style.display = "block";
            clearTimeout(this.hushing);
            if (!failure) this.hushing = setTimeout(() => this.hush(), 1000 * HINT_SECONDS);
        }

        hush() {
            this.hint.style.display = "none";
        }

        later() {
            requestAnimationFrame(() => this.fit());
        }

        /* Give the slide's explorer, and on a plan's slide its figure, the room there is; a plan's slide that is too full
           is made smaller. */
        fit() {
            const cells = [...this.panel.node.querySelectorAll(".jp-deck-mod-onscreen")];
            if (OF_A_PLAN) this.watch(cells);
            const pictures = cells.flatMap(cell => [...cell.querySelectorAll("img")]);
            const late = pictures.filter(image => !image.complete || !image.naturalWidth);
            for (const image of late) image.addEventListener("load", () => this.later(), {once: true});
            const explorer = this.panel.node.querySelector(".jp-deck-mod-onscreen .course-explorer");
            const bottom = () => Math.max(...cells.map(cell => cell.getBoundingClientRect().bottom));
            for (const size of OF_A_PLAN ? FITS : [1]) {
                if (OF_A_PLAN) this.panel.node.style.setProperty("--course-fit", size);
                if (explorer) this.fitExplorer(explorer, bottom);
                else if (OF_A_PLAN && pictures.length && !late.length) this.fitFigures(pictures, bottom);
                if (bottom() <= (1 - FREE) * innerHeight) return;
            }
        }

        /* See to it that the slide is fitted again when one of its cells has grown. */
        watch(cells) {
            if (cells.length === this.watched.size && cells.every(cell => this.watched.has(cell))) return;
            this.sizes.disconnect();
            this.watched = new Set(cells);
            for (const cell of cells) this.sizes.observe(cell);
        }

        /* Give the pictures of the slide, all alike, what the words have left of it. */
        fitFigures(pictures, bottom) {
            const set = height => pictures.forEach(image => image.style.setProperty("--course-figure", `${height}px`));
            set(100);
            const scale = pictures[0].getBoundingClientRect().height / 100;
            const free = ((1 - FREE) * innerHeight - bottom()) / scale / pictures.length;
            const widest = pictures.map(image =>
                image.naturalHeight / image.naturalWidth * image.parentElement.getBoundingClientRect().width / scale);
            set(Math.floor(Math.min(Math.max(100 + free, LEAST), ...widest)));
        }

        /* Give the explorer of the slide the largest type that leaves its picture as large as in the notebook, and the
           picture what is then left of the slide. */
        fitExplorer(explorer, bottom) {
            const image = explorer.querySelector("img");
            if (!image?.naturalWidth) return;
            const set = (name, length) => explorer.style.setProperty(name, `${length}px`);
            const ratio = image.naturalHeight / image.naturalWidth;
            const usual = Math.min(USUAL, ratio * parseFloat(explorer.style.width));
            for (const type of TYPES) {
                set("--course-type", type);
                set("--course-picture", 100);
                const scale = image.getBoundingClientRect().height / 100;  // of the slide on this screen
                // Its sentence may need a line more when a slider has moved.
                const free = ((1 - FREE) * innerHeight - bottom()) / scale - LINE * type;
                const height = Math.min(100 + free, ratio * image.parentElement.getBoundingClientRect().width / scale);
                const enough = height >= usual;
                set("--course-picture", Math.floor(Math.max(height, OF_A_PLAN ? Math.min(usual, LEAST) : usual)));
                if (enough) return;
            }
        }
    }

    const plugin = {
        id: "course-deck:plugin",
        autoStart: true,
        activate: app => {
            app.restored.then(async () => {
                let panel;
                while (!panel) {
                    panel = [...app.shell.widgets("main")].find(widget => widget.hasClass("jp-NotebookPanel"));
                    if (!panel) await new Promise(resolve => setTimeout(resolve, 50));
                }
                await panel.revealed;
                await panel.context.ready;
                const [version] = Object.values(shared["@jupyterlab/notebook"]);
                const {NotebookActions} = (await version.get())();
                await new Deck(app, panel, NotebookActions).present();
            });
        },
    };

    (window._JUPYTERLAB ??= {})["course-deck"] = {
        init: scope => { shared = scope; },
        get: async () => () => ({__esModule: true, default: plugin}),
    };
})();
