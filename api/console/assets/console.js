document.querySelector("p").textContent = "HyperInfer";
