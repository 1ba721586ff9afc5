// Draws every chart of the page from the specifications in #charts, and opens folds for printing.
"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const font = getComputedStyle(document.body).fontFamily; // texts are measured with it before they are drawn
  const text = {
    labelColor: "var(--muted)", titleColor: "var(--muted)", labelFont: font, titleFont: font,
    labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
  };
  const config = {
    background: "transparent",
    font: font,
    view: { stroke: null },
    axis: { ...text, gridColor: "var(--rule)", domainColor: "var(--rule)", tickColor: "var(--rule)", titlePadding: 8 },
    axisX: { labelOverlap: "greedy", labelFlush: false },
    legend: { ...text, symbolStrokeWidth: 2 },
  };
  const options = {
    mode: "vega-lite", actions: false, renderer: "svg", ast: true, defaultStyle: false, config: config,
    tooltip: { theme: "custom" },
  };
  function draw(place) {
    vegaEmbed(place, specs[place.dataset.chart], options).catch(function () {
      place.textContent = "This chart could not be drawn; its figures are in the table below.";
      place.nextElementSibling.open = true;
    });
  }
  for (const place of document.querySelectorAll("[data-chart]")) {
    const fold = place.closest("details:not([open])"); // what is folded away has no width yet
    if (fold) fold.addEventListener("toggle", () => draw(place), { once: true });
    else draw(place);
  }

  let opened = [];
  addEventListener("beforeprint", function () {
    opened = [...document.querySelectorAll("details.fold:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", function () {
    for (const fold of opened) fold.open = false;
  });
})();
