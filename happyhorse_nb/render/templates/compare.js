(() => {
  "use strict";
  // Seconds. Whoever is ahead of the slowest by more than NEAR plays slower, by more than HOLD stops until it has come.
  // Should this page have had no time to see to that, and the slowest is behind by more than FAR, it skips to the others.
  const NEAR = 0.015, HOLD = 0.04, FAR = 0.06, END = 0.04;

  function setUp(root) {
    const videos = [...root.querySelectorAll("video")];
    const scrub = root.querySelector(".hh-scrub");
    const button = scrub.querySelector("button"), range = scrub.querySelector("input[type=range]");
    const told = scrub.querySelector("output"), loop = scrub.querySelector("input[type=checkbox]");
    const sound = scrub.querySelector("select"), hears = scrub.querySelector(".hh-hears");
    const figures = [...root.querySelectorAll("figure")];
    const broken = new Set();
    let playing = false, frame = 0;

    const good = () => videos.filter(v => !broken.has(v) && v.duration > 0 && Number.isFinite(v.duration));
    const length = () => Math.max(0, ...good().map(v => v.duration));
    const over = v => v.ended || v.currentTime >= v.duration - END;
    // The slowest leads; those that are over stand on their last picture.
    const now = () => {
      const left = good().filter(v => !over(v));
      return left.length ? Math.min(...left.map(v => v.currentTime)) : length();
    };

    function show(seconds) {
      const text = `${seconds.toFixed(1)} of ${length().toFixed(1)} s`;
      if (told.textContent !== text) { told.textContent = text; range.setAttribute("aria-valuetext", text); }
      range.value = String(seconds);
      range.style.setProperty("--hh-at", String(seconds / (Number(range.max) || 1)));
    }

    function start(video) {
      video.play().catch(problem => {
        // A pause that came first is ours; else the page may play nothing.
        if (problem.name === "NotAllowedError") { halt(); told.textContent = "This page may play no video."; }
      });
    }

    function halt() {
      playing = false;
      cancelAnimationFrame(frame);
      for (const video of videos) { video.pause(); video.playbackRate = 1; }
      button.textContent = "Play";
    }

    function stop() {
      halt();
      const seconds = now();
      for (const video of good()) if (!over(video)) video.currentTime = seconds;
      show(seconds);
    }

    function seek(seconds) {
      for (const video of good()) video.currentTime = Math.min(seconds, video.duration);
      show(seconds);
    }

    // Those that are still to be played, none of them too far from another when this returns.
    function level() {
      const left = good().filter(v => !over(v));
      const slowest = now();
      for (const video of left) if (video.currentTime - slowest > HOLD) video.pause();
      // Read again: a pause brings the time up to date.
      const first = Math.max(...left.map(v => v.currentTime));
      const behind = left.filter(v => first - v.currentTime > FAR);
      for (const video of behind) video.currentTime = Math.min(first, video.duration);
      // All go on together once the last has found its picture, or it would be behind again by as long as it looked.
      if (left.some(v => v.seeking)) for (const video of left) video.pause();
      return left;
    }

    function step() {
      if (!playing) return;
      if (!root.isConnected) { halt(); return; }
      const left = level();
      if (!left.length) {
        if (loop.checked && good().length) seek(0);
        else { halt(); show(length()); return; }
      }
      const seconds = now(), together = !left.some(v => v.seeking);
      for (const video of left) {
        const ahead = video.currentTime - seconds;
        if (video.paused && together && ahead <= HOLD) start(video);
        video.playbackRate = ahead > NEAR ? 0.9 : 1;
      }
      show(seconds);
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(step);
    }

    function play() {
      if (!good().length) return;
      if (good().every(over)) seek(0);
      playing = true;
      button.textContent = "Pause";
      for (const video of good()) video.preload = "auto";
      step();
    }

    const toggle = () => { playing ? stop() : play(); };

    function arrived() {
      const seconds = length();
      const known = good().length > 0;
      // Rounded up to whole steps, so that the end can be reached.
      range.max = String(Math.ceil(seconds / 0.05 - 0.001) * 0.05 || 1);
      range.disabled = button.disabled = !known;
      show(known ? now() : 0);
    }

    // Whose sound is heard: the place of a figure, as in the choice, or "" for none. All others are muted.
    function hear(place) {
      sound.value = place;
      figures.forEach((figure, at) => {
        const chosen = place === String(at), video = figure.querySelector("video");
        if (video) video.muted = !chosen;
        figure.querySelector(".hh-heard").hidden = !chosen;
      });
      hears.textContent = place === "" ? "" : `${sound.selectedOptions[0].text} is heard`;
    }

    function detect() {
      // Browsers tell in different ways, some only once they have decoded some of it.
      const has = v => v.dataset.sound === "yes" || v.mozHasAudio || v.webkitAudioDecodedByteCount > 0 || (v.audioTracks && v.audioTracks.length > 0);
      if (videos.some(has)) sound.parentElement.hidden = false;
    }

    videos.forEach(video => {
      const place = String(figures.indexOf(video.closest("figure")));
      video.controls = false;
      video.muted = true;
      const fail = () => {
        broken.add(video);
        video.hidden = true;
        video.parentElement.querySelector(".hh-broken").hidden = false;
        for (const option of sound.options) if (option.value === place) option.disabled = true;
        if (sound.value === place) hear("");
        if (!good().length) halt();
        arrived();
      };
      video.addEventListener("error", fail);
      video.addEventListener("loadedmetadata", () => { detect(); arrived(); });
      video.addEventListener("timeupdate", () => {
        detect();
        // The frames of a page in the background stand still, these do not.
        if (document.hidden) step();
      });
      // Whatever happens to one happens to all at once, not with the next frame.
      for (const name of ["timeupdate", "playing", "pause", "waiting", "stalled", "seeked"])
        video.addEventListener(name, () => { if (playing) level(); });
      video.addEventListener("seeked", () => { if (!playing) show(Number(range.value)); });
      video.addEventListener("click", toggle);
      if (video.error) fail();
    });
    button.addEventListener("click", toggle);
    range.addEventListener("input", () => seek(Number(range.value)));
    range.addEventListener("keydown", event => {
      if (event.key === " ") { event.preventDefault(); toggle(); }
    });
    sound.addEventListener("change", () => hear(sound.value));
    root.addEventListener("keydown", event => {
      // The choice itself takes letters too.
      if (event.target === sound || event.ctrlKey || event.metaKey || event.altKey || sound.parentElement.hidden) return;
      const letter = event.key.toUpperCase();
      const option = [...sound.options].find(one => one.value !== "" && one.text === letter && !one.disabled);
      if (letter === "M") hear("");
      else if (option) hear(option.value === sound.value ? "" : option.value);
    });
    scrub.hidden = false;
    arrived();
  }

  for (const root of document.querySelectorAll(".hh-cmp:not([data-hh-set])")) {
    root.dataset.hhSet = "";
    setUp(root);
  }
})();
