"""The word lists of the generator, one list per noun."""

NAMES = """Anna Ben Clara David Emma Felix Grace Henry Iris Jack Kate Leo Maria Noah Olivia Paul Rosa Sam Tom
Uma Victor Wendy Xavier Yara Zoe Alex Bella Carlos Diana Ethan Fiona George Hana Ivan Julia Kenji Laura Marco Nina Omar
Priya Quinn Ravi Sara Theo Ursula Vera Will Yusuf Zara Ada Alan Alice Amir Andre Bob Boris Chloe Chris Daniel Elena
Eva Frank Gina Hugo Ines Jan Jane Jonas Karim Lena Liam Lily Lucas Lucy Mark Martin Mei Mia Mike Mohammed Nadia Nick
Oscar Petra Peter Rachel Rita Robin Ruth Simon Sofia Stefan Susan Tara Tim Tina Vikram Wei Yuki John Mary James Linda
Robert Sarah Michael Emily Joe Max Ali Fatima Chen Ahmed Ingrid Lars Sven Astrid Pablo Lucia Diego Camila Aisha Kofi""".split()

SURNAMES = """Smith Jones Brown Miller Garcia Chen Patel Kim Silva Novak Weber Rossi Dubois Tanaka Khan Olsen
Moreau Ortiz Fischer Clark Hill Green Baker Young King Wright Lopez Adams Nelson Carter""".split()

CITIES = """Paris|London|Berlin|Madrid|Rome|Vienna|Prague|Lisbon|Dublin|Oslo|Stockholm|Helsinki|Copenhagen|Warsaw
Budapest|Athens|Amsterdam|Brussels|Zurich|Geneva|Milan|Naples|Venice|Florence|Turin|Barcelona|Valencia|Seville|Porto|Munich
Hamburg|Cologne|Frankfurt|Stuttgart|Leipzig|Dresden|Lyon|Marseille|Nice|Bordeaux|Toulouse|Lille|Manchester|Liverpool|Leeds
Bristol|Glasgow|Edinburgh|Cardiff|Belfast|Cork|Galway|Bergen|Gothenburg|Malmo|Tampere|Aarhus|Gdansk|Krakow|Riga|Vilnius
Tallinn|Kyiv|Lviv|Moscow|Bucharest|Sofia|Belgrade|Zagreb|Sarajevo|Ljubljana|Istanbul|Ankara|Izmir|Cairo|Alexandria|Tunis
Algiers|Rabat|Casablanca|Marrakesh|Lagos|Abuja|Accra|Dakar|Nairobi|Kampala|Kigali|Lusaka|Harare|Pretoria|Johannesburg
Cape Town|Durban|Addis Ababa|Khartoum|Luanda|Maputo|Dubai|Abu Dhabi|Doha|Riyadh|Jeddah|Kuwait City|Baghdad|Tehran|Amman
Beirut|Jerusalem|Tel Aviv|Damascus|Kabul|Karachi|Lahore|Islamabad|Delhi|New Delhi|Mumbai|Chennai|Kolkata|Bangalore|Pune
Hyderabad|Jaipur|Kathmandu|Dhaka|Colombo|Bangkok|Hanoi|Phuket|Jakarta|Manila|Singapore|Kuala Lumpur|Phnom Penh|Yangon
Beijing|Shanghai|Shenzhen|Guangzhou|Chengdu|Wuhan|Hong Kong|Macau|Taipei|Seoul|Busan|Tokyo|Osaka|Kyoto|Nagoya|Sapporo
Sydney|Melbourne|Brisbane|Perth|Adelaide|Canberra|Hobart|Darwin|Auckland|Wellington|Christchurch|Suva|Honolulu|Anchorage
Seattle|Portland|San Francisco|Oakland|San Jose|Los Angeles|San Diego|Las Vegas|Phoenix|Denver|Salt Lake City|Dallas
Houston|Austin|San Antonio|New Orleans|Memphis|Nashville|Atlanta|Miami|Orlando|Tampa|Charlotte|Washington|Baltimore
Philadelphia|New York|Boston|Buffalo|Pittsburgh|Cleveland|Detroit|Chicago|Milwaukee|Minneapolis|Kansas City|St. Louis
Toronto|Montreal|Ottawa|Quebec|Vancouver|Calgary|Edmonton|Winnipeg|Halifax|Mexico City|Guadalajara|Monterrey|Cancun
Havana|Kingston|San Juan|Panama City|Bogota|Medellin|Quito|Lima|Cusco|La Paz|Santiago|Buenos Aires|Cordoba|Montevideo
Sao Paulo|Rio de Janeiro|Brasilia|Salvador|Recife|Caracas|Reykjavik|Nuuk|Valletta|Nicosia|Monaco|Bilbao|Utrecht
Rotterdam|Antwerp|Ghent|Bruges|Basel|Bern|Salzburg|Graz|Brno|Split|Varna|Odesa|Tbilisi|Yerevan|Baku|Tashkent|Almaty"""
CITIES = [c for line in CITIES.split("\n") for c in line.split("|")]

CAPITALS = dict(
    pair.split(":")
    for pair in """France:Paris|Germany:Berlin|Italy:Rome|Spain:Madrid|Portugal:Lisbon|England:London|Ireland:Dublin
the United Kingdom:London|Norway:Oslo|Sweden:Stockholm|Finland:Helsinki|Denmark:Copenhagen|Poland:Warsaw|Hungary:Budapest
Austria:Vienna|Greece:Athens|the Netherlands:Amsterdam|Belgium:Brussels|Switzerland:Bern|Czechia:Prague|Iceland:Reykjavik
Romania:Bucharest|Bulgaria:Sofia|Serbia:Belgrade|Croatia:Zagreb|Slovenia:Ljubljana|Ukraine:Kyiv|Russia:Moscow|Latvia:Riga
Lithuania:Vilnius|Estonia:Tallinn|Turkey:Ankara|Egypt:Cairo|Tunisia:Tunis|Algeria:Algiers|Morocco:Rabat|Nigeria:Abuja
Ghana:Accra|Senegal:Dakar|Kenya:Nairobi|Uganda:Kampala|Rwanda:Kigali|Ethiopia:Addis Ababa|Iraq:Baghdad|Iran:Tehran
Jordan:Amman|Lebanon:Beirut|Qatar:Doha|Saudi Arabia:Riyadh|India:New Delhi|Pakistan:Islamabad|Nepal:Kathmandu
Bangladesh:Dhaka|Thailand:Bangkok|Vietnam:Hanoi|Indonesia:Jakarta|Malaysia:Kuala Lumpur|the Philippines:Manila|China:Beijing
South Korea:Seoul|Japan:Tokyo|Australia:Canberra|New Zealand:Wellington|Canada:Ottawa|the United States:Washington
Mexico:Mexico City|Cuba:Havana|Colombia:Bogota|Ecuador:Quito|Peru:Lima|Chile:Santiago|Argentina:Buenos Aires
Uruguay:Montevideo|Brazil:Brasilia|Venezuela:Caracas|Scotland:Edinburgh|Wales:Cardiff""".replace("\n", "|").split("|")
)

COLOURS = "red blue green yellow orange purple pink brown black white grey gold silver turquoise".split()

COLOUR_OF = dict(
    pair.split(":")
    for pair in """grass:green|the sky:blue|the sea:blue|snow:white|milk:white|coal:black|a banana:yellow|a lemon:yellow
a tomato:red|blood:red|a strawberry:red|a carrot:orange|an orange:orange|the sun:yellow|chocolate:brown|a crow:black
a frog:green|a flamingo:pink|a pumpkin:orange|a leaf:green|gold:yellow|a polar bear:white|salt:white|wood:brown|a cherry:red
an elephant:grey|a swan:white|the night:black|ice:white|a plum:purple|broccoli:green|a fire truck:red|coffee:brown|rice:white
a cucumber:green|a rose:red|butter:yellow|a cloud:white|a pea:green|a pig:pink|a fox:red and brown""".replace(
        "\n", "|"
    ).split("|")
)

OPPOSITES = dict(
    pair.split(":")
    for pair in """hot:cold|big:small|up:down|left:right|day:night|happy:sad|fast:slow|old:young|light:dark|open:closed|full:empty
high:low|loud:quiet|wet:dry|hard:soft|early:late|rich:poor|strong:weak|good:bad|black:white|yes:no|in:out|near:far|long:short
clean:dirty|heavy:light|thick:thin|wide:narrow|sweet:sour|true:false|begin:end|love:hate|win:lose|buy:sell|push:pull
first:last|always:never|alive:dead|brave:afraid|easy:difficult|warm:cool|tall:short|above:below|inside:outside|new:old
safe:dangerous|cheap:expensive|deep:shallow|asleep:awake|summer:winter|friend:enemy|start:stop|give:take|smooth:rough""".replace(
        "\n", "|"
    ).split("|")
)

# animal: what it says or does, in one sentence
ANIMALS = dict(
    pair.split(":")
    for pair in """cat:Cats like to sleep in warm places and to chase small things|dog:Dogs are loyal and love to play
horse:Horses are strong and can run very fast|cow:Cows eat grass and give milk|sheep:Sheep give us wool|goat:Goats can climb steep rocks
pig:Pigs are clever animals with a good nose|duck:Ducks swim on ponds and say quack|hen:Hens lay eggs|fox:Foxes are quick and clever
wolf:Wolves live and hunt in packs|bear:Bears sleep through much of the winter|lion:Lions live in groups that are called prides
tiger:Tigers are big cats with stripes|elephant:Elephants are the largest animals on land|giraffe:Giraffes have very long necks
zebra:Zebras have black and white stripes|monkey:Monkeys climb trees and like fruit|rabbit:Rabbits have long ears and hop
mouse:Mice are small and quick|owl:Owls hunt at night and see well in the dark|eagle:Eagles have very sharp eyes
penguin:Penguins are birds that swim but do not fly|parrot:Parrots can copy words|dolphin:Dolphins are clever and breathe air
whale:Whales are the largest animals in the sea|shark:Sharks are fish with many teeth|octopus:An octopus has eight arms
crab:Crabs walk sideways|turtle:Turtles carry their shell and can live very long|snake:Snakes have no legs|frog:Frogs start life as tadpoles
bee:Bees make honey|butterfly:Butterflies begin as caterpillars|ant:Ants are small but can carry heavy things|spider:Spiders have eight legs
bat:Bats fly at night and find their way by sound|hedgehog:Hedgehogs roll up into a ball of spikes|squirrel:Squirrels hide nuts for the winter
camel:Camels can live for days without water|kangaroo:Kangaroos carry their young in a pouch|seal:Seals swim well and rest on the shore
deer:Deer live in forests and some have antlers|crow:Crows are very clever birds|snail:Snails carry a house and are very slow""".replace(
        "\n", "|"
    ).split("|")
)

FRUITS = "apples bananas oranges pears grapes cherries strawberries lemons plums peaches mangoes melons kiwis figs blueberries".split()
VEGETABLES = (
    "carrots potatoes onions peas beans tomatoes spinach broccoli cabbage peppers leeks cucumbers beetroot".split()
)
FOODS = """pizza|pasta|soup|bread|rice|salad|pancakes|curry|noodles|cheese|chocolate|ice cream|sushi|tacos|dumplings|apple pie
stew|toast|eggs|fish and chips|lasagne|falafel|hummus|burgers|porridge|waffles""".replace("\n", "|").split("|")
DRINKS = "water|tea|coffee|orange juice|milk|lemonade|hot chocolate|apple juice".split("|")
HOBBIES = """reading|swimming|cooking|painting|running|cycling|hiking|singing|dancing|gardening|chess|football|tennis|music
photography|drawing|fishing|knitting|sailing|climbing|baking|writing|skiing|yoga|video games""".replace(
    "\n", "|"
).split("|")
JOBS = """teacher|nurse|doctor|baker|farmer|engineer|writer|painter|driver|cook|student|programmer|carpenter|pilot|gardener
scientist|lawyer|musician|plumber|designer|manager|builder|sailor|librarian|singer|dentist|waiter|journalist""".replace(
    "\n", "|"
).split("|")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
SEASONS = "spring summer autumn winter".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty""".split()
SHAPES = {"triangle": 3, "square": 4, "rectangle": 4, "pentagon": 5, "hexagon": 6, "octagon": 8}
PLANETS = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()
INSTRUMENTS = "piano guitar violin drums flute trumpet harp cello clarinet".split()
TREES = "oak pine birch maple willow elm beech cedar fir ash".split()
FLOWERS = "rose tulip daisy lily sunflower violet poppy orchid iris daffodil".split()
SPORTS = "football tennis basketball swimming rugby hockey golf volleyball cricket rowing".split()
TOOLS = "hammer saw screwdriver spanner drill pliers axe".split()
CLOTHES = "shirt coat hat scarf sock shoe dress jacket glove belt".split()
FURNITURE = "chair table bed sofa desk shelf cupboard stool".split()
PLACES = """the beach|the mountains|the forest|the city|the lake|a small village|the river|the desert|an island|the park
the market|the harbour|the library|the museum|a farm|the castle""".replace("\n", "|").split("|")
PETS = "cat dog rabbit hamster parrot goldfish turtle pony".split()
ADJECTIVES = """little brave quiet clever kind old young shy curious hungry tired cheerful gentle lonely proud careful
funny lazy small grumpy""".split()
# what a small model honestly does not know
HARD = """quantum physics|the stock market|general relativity|the French Revolution|machine learning|my car engine|tax law
photosynthesis|the Roman Empire|black holes|blockchain|the human brain|World War Two|DNA|the immune system|inflation
the latest news|today's football results|the president|chemistry|calculus|the periodic table|philosophy|my homework
Shakespeare|the price of gold|Kubernetes|Python code|Rust programming|a tax form|medicine|my headache|the moon landing
the theory of evolution|climate change|neural networks|the speed of light|ancient Egypt|Bitcoin|how computers work
the Olympic Games|Greek mythology|electric cars|jazz history|nuclear power|the stars|the law|my medicine|volcanoes
the United Nations|a mortgage|the internet|databases|compilers|the last election|this song|that movie|a plane engine
dinosaurs|vaccines|interest rates|my router|the Cold War|statistics|the meaning of life|cryptography|Linux
the population of Brazil|the tallest building|the deepest ocean|poker|opera|economics|geology|astronomy|lasers|satellites
my password|bridge building|the Middle Ages|string theory|sorting algorithms|HTTP|docker containers|SQL joins|regular expressions
how to invest|the history of tea|Einstein|Napoleon|Shakespeare's plays|Mozart|Picasso|love|time|money|war|art|a recipe for bread|cancer|coffee beans|the weather on Mars
soccer rules|chess openings|yoga poses|guitar chords|a contract|my taxes|a rental agreement|the new phone|a laptop|my bike chain|a leaking pipe|plants|trains
the ocean floor|oil prices|a diet|insomnia|a cold|my back pain|marketing|a business plan|the European Union|the Great Wall|the pyramids|Antarctica|Jupiter
space travel|a rocket|the atom|robots|self-driving cars|video compression|colour theory|poetry|the alphabet of Greek|sign language|how to swim|how to cook rice|gravity|electricity|magnets|batteries|steam engines|airplanes|sourdough|wine""".replace(
    "\n", "|"
).split("|")
LANGUAGES = (
    "French German Spanish Italian Portuguese Dutch Polish Chinese Japanese Arabic Hindi Russian Swedish Latin".split()
)
